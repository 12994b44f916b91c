/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: closures on kernels that have them inside bcache.ko
 *
 * The inline functions for kernels up to 6.1, on the layout that btf-want takes from
 * the target. Since 6.7 there is <linux/closure.h>, which target.h includes.
 *
 * A closure is a refcount with a function to be called when it drops to zero.
 * CLOSURE_RUNNING and CLOSURE_DESTRUCTOR are flag bits in the same word that
 * closure_sub() of the target checks and clears. The values are those of the
 * vetted series 6.1 (drivers/md/bcache/closure.h).
 */
#ifndef BCACHE_JOURNAL_CLOSURE_H
#define BCACHE_JOURNAL_CLOSURE_H

#ifdef HAVE_FUNC_CLOSURE_SUB

#define CLOSURE_DESTRUCTOR BIT(26)
#define CLOSURE_RUNNING BIT(30)
#define CLOSURE_REMAINING_MASK (CLOSURE_DESTRUCTOR - 1)

#define CLOSURE_CALLBACK(name) void name(struct closure *cl)
#define closure_type(name, type, member) \
	typeof(type) *name = container_of(cl, type, member)
#define closure_arg(cl) (cl)

static inline void closure_get(struct closure *cl)
{
	atomic_inc(&cl->remaining);
}

static inline void closure_init(struct closure *cl, struct closure *parent)
{
	memset(cl, 0, sizeof(*cl));
	cl->parent = parent;
	if (parent)
		closure_get(parent);
	atomic_set(&cl->remaining, CLOSURE_RUNNING | 1);
}

static inline void closure_init_stack(struct closure *cl)
{
	memset(cl, 0, sizeof(*cl));
	atomic_set(&cl->remaining, CLOSURE_RUNNING | 1);
}

static inline void closure_sync(struct closure *cl)
{
	if ((atomic_read(&cl->remaining) & CLOSURE_REMAINING_MASK) != 1)
		__closure_sync(cl);
}

static inline void closure_wake_up(struct closure_waitlist *list)
{
	smp_mb(); /* set the waker's condition before checking the list */
	__closure_wake_up(list);
}

static inline void set_closure_fn(struct closure *cl, closure_fn *fn,
				  struct workqueue_struct *wq)
{
	cl->fn = fn;
	cl->wq = wq;
	smp_mb__before_atomic(); /* set fn before dropping the count */
}

#define continue_at(cl, fn, wq)                       \
	do {                                          \
		set_closure_fn(cl, fn, wq);           \
		closure_sub(cl, CLOSURE_RUNNING + 1); \
	} while (0)

#define closure_return_with_destructor(cl, fn)                             \
	do {                                                               \
		set_closure_fn(cl, fn, NULL);                              \
		closure_sub(cl, CLOSURE_RUNNING - CLOSURE_DESTRUCTOR + 1); \
	} while (0)

#else

#define closure_arg(cl) (&(cl)->work)

#endif
#endif
