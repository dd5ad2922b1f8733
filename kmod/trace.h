/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - trace events, as iocp:* for tracefs, perf and bpftrace.
 *
 * docs/tracing.md explains them.  "port" is the number that fdinfo shows.  All
 * but packet_taken may come from interrupts, and worker_blocked comes with the
 * run queue locked: programs attached to it must not wake anybody.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iocp

#if !defined(IOCP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define IOCP_TRACE_H

#include <linux/tracepoint.h>

/* IOCP_NR_LISTS stands for the ring. */
TRACE_DEFINE_ENUM(IOCP_LIST_FRONT);
TRACE_DEFINE_ENUM(IOCP_LIST_HIGH);
TRACE_DEFINE_ENUM(IOCP_LIST_NORMAL);
TRACE_DEFINE_ENUM(IOCP_LIST_LOW);
TRACE_DEFINE_ENUM(IOCP_NR_LISTS);

/* A packet found no waiter that may have it, and waits. */
TRACE_EVENT(iocp_packet_queued,
	TP_PROTO(struct iocp_port *port, const struct iocp_packet *p, int list),
	TP_ARGS(port, p, list),
	TP_STRUCT__entry(
		__field(u64, port)
		__field(u64, key)
		__field(u64, overlapped)
		__field(int, list)
	),
	TP_fast_assign(
		__entry->port = port->id;
		__entry->key = p->key;
		__entry->overlapped = p->overlapped;
		__entry->list = list;
	),
	TP_printk("port=%llu key=%#llx overlapped=%#llx list=%s",
		  __entry->port, __entry->key, __entry->overlapped,
		  __print_symbolic(__entry->list,
				   { IOCP_LIST_FRONT, "front" },
				   { IOCP_LIST_HIGH, "high" },
				   { IOCP_LIST_NORMAL, "normal" },
				   { IOCP_LIST_LOW, "low" },
				   { IOCP_NR_LISTS, "ring" }))
);

/* A packet was given to the waiting thread @pid (CP-22). */
TRACE_EVENT(iocp_packet_handed,
	TP_PROTO(struct iocp_port *port, const struct iocp_packet *p, struct task_struct *task),
	TP_ARGS(port, p, task),
	TP_STRUCT__entry(
		__field(u64, port)
		__field(u64, key)
		__field(u64, overlapped)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->port = port->id;
		__entry->key = p->key;
		__entry->overlapped = p->overlapped;
		__entry->pid = task->pid;
	),
	TP_printk("port=%llu key=%#llx overlapped=%#llx pid=%d",
		  __entry->port, __entry->key, __entry->overlapped, __entry->pid)
);

/* The current thread took a packet from the queue (CP-35). */
TRACE_EVENT(iocp_packet_taken,
	TP_PROTO(struct iocp_port *port, const struct iocp_packet *p),
	TP_ARGS(port, p),
	TP_STRUCT__entry(
		__field(u64, port)
		__field(u64, key)
		__field(u64, overlapped)
	),
	TP_fast_assign(
		__entry->port = port->id;
		__entry->key = p->key;
		__entry->overlapped = p->overlapped;
	),
	TP_printk("port=%llu key=%#llx overlapped=%#llx",
		  __entry->port, __entry->key, __entry->overlapped)
);

DECLARE_EVENT_CLASS(iocp_worker,
	TP_PROTO(struct iocp_port *port, int active),
	TP_ARGS(port, active),
	TP_STRUCT__entry(
		__field(u64, port)
		__field(int, active)
	),
	TP_fast_assign(
		__entry->port = port->id;
		__entry->active = active;
	),
	TP_printk("port=%llu active=%d", __entry->port, __entry->active)
);

/*
 * The current thread, a worker that ran, goes to sleep elsewhere; @active others
 * run, it among them while the port's block_delay lasts.
 */
DEFINE_EVENT(iocp_worker, iocp_worker_blocked,
	TP_PROTO(struct iocp_port *port, int active),
	TP_ARGS(port, active)
);

/* And goes on; @active run, it among them. */
DEFINE_EVENT(iocp_worker, iocp_worker_woke,
	TP_PROTO(struct iocp_port *port, int active),
	TP_ARGS(port, active)
);

/* A slot became free, and thread @pid has what waited for one (CP-34). */
TRACE_EVENT(iocp_released,
	TP_PROTO(struct iocp_port *port, struct task_struct *task),
	TP_ARGS(port, task),
	TP_STRUCT__entry(
		__field(u64, port)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->port = port->id;
		__entry->pid = task->pid;
	),
	TP_printk("port=%llu pid=%d", __entry->port, __entry->pid)
);

/* Packets wait, one more thread might run, and none waits. */
DEFINE_EVENT(iocp_worker, iocp_thread_wanted,
	TP_PROTO(struct iocp_port *port, int active),
	TP_ARGS(port, active)
);

#endif /* IOCP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
