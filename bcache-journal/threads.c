// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the threads of a registration
 *
 * If the btree has more than one node, the registering task starts threads that check it,
 * and later threads that count the dirty sectors of each backing device. Each thread
 * decrements a count, and the last one wakes the registering task. Count and wait queue are
 * on that task's stack. If the task finds the count to be 0 before it sleeps, it returns,
 * and the stock driver's thread wakes whatever is in that place by then: usually a kernel
 * crash.
 *
 * So here each thread counts once more while it runs the stock body, and afterwards leaves
 * under the lock of the wait queue, and only once the registering task is in the queue.
 * That task takes the lock to remove itself from the queue, before it returns.
 *
 * bch_btree_check() counts a thread only after it has started it. Until then the stock body
 * may see the count become 0, and wake an empty queue. That does no harm: the task can't
 * have returned, since the thread has not left.
 *
 * During a transition, some threads may run the stock function. Whichever thread leaves
 * last wakes the task.
 */

#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "journal.h"

OUTRIGGER_STOCK_BODY(bcache, bch_btree_check_thread);
OUTRIGGER_STOCK_BODY(bcache, bch_dirty_init_thread);

/*
 * Leave a task that waits in @wait, uninterruptibly, for @started to become 0. If it could
 * not start all of its threads, it waits in kthread_stop() instead.
 */
static void thread_leave(atomic_t *started, struct wait_queue_head *wait)
{
	struct wait_queue_entry *waiter;

	spin_lock_irq(&wait->lock);
	while (list_empty(&wait->head) && !kthread_should_stop()) {
		spin_unlock_irq(&wait->lock);
		schedule_timeout_uninterruptible(1);
		spin_lock_irq(&wait->lock);
	}

	waiter = list_first_entry_or_null(&wait->head, struct wait_queue_entry,
					  entry);
	/* Not wake_up(): it takes the task off the queue, which then needs no lock. */
	if (atomic_dec_and_test(started) && waiter)
		wake_up_process(waiter->private);
	spin_unlock_irq(&wait->lock);
}

/**
 * bj_btree_check_thread - check a part of the btree: stands in for
 * bch_btree_check_thread
 * @arg: the thread's part of the state on the registering task's stack
 *
 * Runs as a kernel thread, without locks; the registering task holds bch_register_lock
 * and the root's.
 *
 * Return: 0 or a negative errno, which is also in @arg.
 */
__hook int bj_btree_check_thread(void *arg)
{
	const struct btree_check_info *info = arg;
	struct btree_check_state *state = info->state;
	int ret;

	atomic_inc(&state->started);
	ret = stock_bch_btree_check_thread(arg);
	thread_leave(&state->started, &state->wait);
	return ret;
}

/**
 * bj_dirty_init_thread - count dirty sectors: stands in for bch_dirty_init_thread
 * @arg: the thread's part of the state on the registering task's stack
 *
 * Runs as a kernel thread, without locks; the registering task holds bch_register_lock
 * and the root's.
 *
 * Return: 0.
 */
__hook int bj_dirty_init_thread(void *arg)
{
	const struct dirty_init_thrd_info *info = arg;
	struct bch_dirty_init_state *state = info->state;
	int ret;

	atomic_inc(&state->started);
	ret = stock_bch_dirty_init_thread(arg);
	thread_leave(&state->started, &state->wait);
	return ret;
}
