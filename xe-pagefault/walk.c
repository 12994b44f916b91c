// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: recognizing walks through memory
 *
 * A GPU that accesses an array in order faults on one range after the other. After two
 * such faults in a row, one range is bound ahead; then three, and then seven, as long as
 * the next fault is right behind the ranges that were bound ahead. Its order may be mixed
 * within a range, but not over several. There may be several walks at once, as in
 * c[i] = a[i] + b[i].
 *
 * If the fault right behind does not come, the ranges were bound for nothing. From then on
 * a walk has to make one more step before anything is bound ahead of it: under random
 * access, neighbours fault in a row by chance. Only a full batch of ranges that is used
 * makes up for that: otherwise short walks would go on wasting their last batch.
 *
 * If the GPU accesses only each eighth range, the next fault is also right behind.
 * Therefore, of every second full batch, the range in the middle is left unbound. If its
 * fault does not come first, the others were bound for nothing.
 */

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "walk.h"

#define MAX_WASTED 8 /* so that a long walk is always recognized */

static bool is_in_hole(const struct xpf_walk *walk, u64 start, u64 end)
{
	return start >= walk->hole && end <= walk->hole_end;
}

static bool is_next(const struct xpf_walk *walk, u64 start, u64 end)
{
	return walk->from < walk->to &&
	       (start == walk->to || end == walk->from ||
		is_in_hole(walk, start, end));
}

static void extend(struct xpf_walk *walk, u64 start, u64 end)
{
	if (start < walk->from)
		walk->from = start;
	if (end > walk->to)
		walk->to = end;
}

/* The walk has ended, or turned round: the ranges bound ahead of it were not used. */
static void waste(struct xpf_walks *w, const struct xpf_walk *walk)
{
	if (walk->ahead && w->wasted < MAX_WASTED)
		w->wasted++;
}

/**
 * xpf_walk_step - note that a range has been bound because of a fault
 * @w: walks of the queue of the fault
 * @asid: address space of the fault
 * @start: start of the range
 * @end: its end
 * @most: number of ranges that may be bound ahead
 * @used: set to the number of ranges that were bound ahead, and are used now
 *
 * The walk to which the range belongs is then w->walk[0]: the ranges to bind ahead are
 * below @start if it goes down, or else from @end on. The one with the number
 * w->walk[0].skip, counted from 1, is to be left unbound.
 *
 * Return: the number of ranges to bind ahead, including that one.
 */
u32 xpf_walk_step(struct xpf_walks *w, u32 asid, u64 start, u64 end, u32 most,
		  u32 *used)
{
	struct xpf_walk *first = w->walk, walk;
	unsigned int i = 0;
	u32 ahead = 0;
	bool down;

	if (w->asid != asid)
		*w = (struct xpf_walks){ .asid = asid };
	if (most > XPF_AHEAD)
		most = XPF_AHEAD;
	*used = 0;

	while (i < XPF_WALKS - 1 && !is_next(&first[i], start, end))
		i++;
	walk = first[i];
	memmove(first + 1, first, i * sizeof(*first));

	if (is_in_hole(&walk, start, end)) {
		walk.hole_end = 0;
		*first = walk;
		return 0;
	}

	down = end == walk.from;
	if (!is_next(&walk, start, end)) {
		waste(w, &walk);
		walk = (struct xpf_walk){ .from = start, .to = end };
	} else if ((walk.steps && walk.down != down) || walk.hole_end) {
		waste(w, &walk);
		walk.steps = 1;
	} else {
		walk.steps++;
		ahead = walk.ahead;
	}
	if (ahead && walk.full && w->wasted)
		w->wasted--;
	*used = ahead;

	extend(&walk, start, end);
	walk.down = down;
	walk.ahead = 0;
	walk.hole_end = 0;
	walk.skip = 0;
	walk.full = false;
	ahead = ahead < XPF_AHEAD / 2 ? 2 * ahead + 1 : XPF_AHEAD;
	if (walk.steps <= w->wasted) {
		ahead = 0;
	} else if (ahead >= most) {
		ahead = most;
		walk.full = true;
		walk.odd = !walk.odd;
		if (most > 2 && !walk.odd)
			walk.skip = most / 2 + 1;
	}
	*first = walk;
	return ahead;
}

/**
 * xpf_walk_ahead - note that a range has been bound ahead of the walk w->walk[0]
 * @w: walks
 * @start: start of the range
 * @end: its end
 */
void xpf_walk_ahead(struct xpf_walks *w, u64 start, u64 end)
{
	struct xpf_walk *walk = w->walk;

	if (start > walk->to) {
		walk->hole = walk->to;
		walk->hole_end = start;
	} else if (end < walk->from) {
		walk->hole = end;
		walk->hole_end = walk->from;
	}
	extend(walk, start, end);
	walk->ahead++;
}
