// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - the module: device node, ioctl dispatch, limits.
 *
 * Every call copies its argument in once, works on the copy and copies the
 * whole structure out again.  Locking: none of its own.  No lock is held while
 * the program's memory is touched: a page of it may never come.
 */
#include <linux/debugfs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iocp.h"
#include "user.h"

struct iocp_objects iocp_objects;
struct workqueue_struct *iocp_io_wq;	/* operations that block */
struct workqueue_struct *iocp_stream_wq;	/* streams that became ready */
struct workqueue_struct *iocp_flush_wq;	/* those of them that iocp_wq_of() names */
struct workqueue_struct *iocp_end_wq;	/* the end of owners, workers and ports */
struct kmem_cache *iocp_pkt_cache;
struct kmem_cache *iocp_req_cache;

unsigned int iocp_max_ports = 1024;
module_param_named(max_ports, iocp_max_ports, uint, 0644);
MODULE_PARM_DESC(max_ports, "open ports per user");

unsigned int iocp_max_ops = 1 << 17;
module_param_named(max_ops, iocp_max_ops, uint, 0644);
MODULE_PARM_DESC(max_ops, "operations in flight per user");

unsigned int iocp_max_assocs = 1 << 17;
module_param_named(max_assocs, iocp_max_assocs, uint, 0644);
MODULE_PARM_DESC(max_assocs, "associations (files kept open) per user");

unsigned int iocp_max_memory = 256;
module_param_named(max_memory, iocp_max_memory, uint, 0644);
MODULE_PARM_DESC(max_memory, "MiB of rings, operations and packets that wait, per user");

static bool iocp_detect_blocking = true;
module_param_named(detect_blocking, iocp_detect_blocking, bool, 0644);
MODULE_PARM_DESC(detect_blocking, "let ports notice workers that block, if they ask for it");

static unsigned int iocp_max_inflight = 1 << 16;
module_param_named(max_inflight, iocp_max_inflight, uint, 0644);
MODULE_PARM_DESC(max_inflight, "largest max_inflight that SETUP grants a port");

static unsigned int iocp_max_posted = 1 << 20;
module_param_named(max_posted, iocp_max_posted, uint, 0644);
MODULE_PARM_DESC(max_posted, "largest max_posted that SETUP grants a port");

static unsigned int iocp_max_ring = 1 << 16;
module_param_named(max_ring, iocp_max_ring, uint, 0644);
MODULE_PARM_DESC(max_ring, "largest ring, in packets, that SETUP grants a port");

#define IOCP_DEFAULT_INFLIGHT	4096U
#define IOCP_DEFAULT_POSTED	65536U

static u64 iocp_features(void)
{
	u64 features = IOCP_FEATURE_RING;

	if (iocp_worker_supported()) {
		features |= IOCP_FEATURE_LIMIT;
		if (READ_ONCE(iocp_detect_blocking))
			features |= IOCP_FEATURE_BLOCKING | IOCP_FEATURE_STRICT;
	}
	return features;
}

/*
 * iocp_copy_args - copy in an argument structure that starts with its size
 * @dst: kernel copy
 * @ksize: size of what we know; also the smallest size ever published
 * @uarg: the program's
 */
int iocp_copy_args(void *dst, size_t ksize, void __user *uarg)
{
	u32 usize;

	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < ksize)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(dst, ksize, uarg, usize);
}

/*
 * The program's structure may be longer than ours: its tail stays as it is.
 *
 * Of a call that cannot be undone, once before it: so a bad address is found while
 * nothing has changed, and afterwards nobody asks.
 */
int iocp_copy_back(void __user *uarg, const void *src, size_t ksize)
{
	return copy_to_user(uarg, src, ksize) ? -EFAULT : 0;
}

static long iocp_query(struct iocp_port *port, void __user *uarg)
{
	struct iocp_query q;
	int ret;

	ret = iocp_copy_args(&q, sizeof(q), uarg);
	if (ret)
		return ret;
	if (q.flags || memchr_inv(q.resv, 0, sizeof(q.resv)))
		return -EINVAL;

	memset(&q, 0, sizeof(q));
	q.size = sizeof(q);
	q.features = iocp_features();
	q.ops = iocp_opdef_mask();
	q.op_flags = IOCP_OP_F_KNOWN;
	q.rwf_flags = (__force u32)IOCP_RWF_SUPPORTED;
	q.max_batch = IOCP_MAX_BATCH;
	q.max_ring_entries = READ_ONCE(iocp_max_ring);
	q.max_inflight = READ_ONCE(iocp_max_inflight);
	q.max_posted = READ_ONCE(iocp_max_posted);
	if (iocp_port_is_live(port)) {
		q.port_state = READ_ONCE(port->shut) ? IOCP_STATE_SHUT_DOWN : IOCP_STATE_LIVE;
		q.concurrency = port->concurrency;
		q.queued = iocp_port_depth(port);
	}
	return iocp_copy_back(uarg, &q, sizeof(q));
}

static long iocp_setup(struct iocp_port *port, void __user *uarg)
{
	struct iocp_ring *ring = NULL;
	size_t ring_bytes = 0;
	u64 features = iocp_features();
	struct iocp_setup s;
	u32 wanted, reserve;
	int ret;

	ret = iocp_copy_args(&s, sizeof(s), uarg);
	if (ret)
		return ret;
	if (s.flags || s.resv0 || memchr_inv(s.resv, 0, sizeof(s.resv)))
		return -EINVAL;
	if (s.features & ~features)
		return -EINVAL;
	/* both say what to do about blocks */
	if (!(s.features & IOCP_FEATURE_BLOCKING) &&
	    (s.block_delay_us || s.features & IOCP_FEATURE_STRICT))
		return -EINVAL;
	if (s.block_delay_us > IOCP_MAX_BLOCK_DELAY_US)
		return -EINVAL;
	if (s.packet_size && s.packet_size != sizeof(struct iocp_packet))
		return -EINVAL;
	if (s.ring_entries > READ_ONCE(iocp_max_ring))
		return -EINVAL;
	/* a mistake rather than a wish, and it keeps sums within 32 bits */
	if (s.concurrency > 1U << 20)
		return -EINVAL;

	if (!s.concurrency)
		s.concurrency = num_online_cpus();
	s.packet_size = sizeof(struct iocp_packet);
	wanted = s.max_inflight;
	s.max_inflight = min(wanted, READ_ONCE(iocp_max_inflight));
	reserve = wanted == U32_MAX ? 0 : min_t(u32, s.max_inflight, IOCP_MAX_RESERVE);
	if (!s.max_inflight)
		s.max_inflight = min_t(u32, IOCP_DEFAULT_INFLIGHT, READ_ONCE(iocp_max_inflight));
	if (!s.max_posted)
		s.max_posted = IOCP_DEFAULT_POSTED;
	s.max_posted = min(s.max_posted, READ_ONCE(iocp_max_posted));
	/* Noticing blocks has a price; who does not ask for it does not pay. */
	s.features |= features & ~(IOCP_FEATURE_BLOCKING | IOCP_FEATURE_STRICT);

	/* A claim rather than a lock: copying out may wait for a page for ever. */
	if (atomic_cmpxchg(&port->setup_begun, 0, 1))
		return -EBUSY;
	if (s.ring_entries) {
		s.ring_entries = roundup_pow_of_two(s.ring_entries);
		ring_bytes = iocp_ring_bytes(s.ring_entries);
		ret = -EAGAIN;
		if (!iocp_user_charge_memory(port, ring_bytes))
			goto fail;
		ring = iocp_ring_create(s.ring_entries);
		if (IS_ERR(ring)) {
			ret = PTR_ERR(ring);
			goto fail_ring;
		}
		iocp_ring_describe(ring, &s);
	}
	ret = iocp_req_reserve(port, reserve);
	if (ret)
		goto fail_reqs;
	s.size = sizeof(s);
	ret = iocp_copy_back(uarg, &s, sizeof(s));
	if (ret)
		goto fail_reqs;
	port->ring = ring;
	port->concurrency = s.concurrency;
	port->detect = s.features & IOCP_FEATURE_BLOCKING;
	port->strict = s.features & IOCP_FEATURE_STRICT;
	port->block_delay_ns = s.block_delay_us * NSEC_PER_USEC;
	port->max_inflight = s.max_inflight;
	port->max_posted = s.max_posted;
	/* Everybody else looks at the port only after seeing this. */
	smp_store_release(&port->live, 1);
	return 0;
fail_reqs:
	iocp_req_free_all(port);
	iocp_ring_put(ring);
fail_ring:
	iocp_user_uncharge_memory(port, ring_bytes);
fail:
	atomic_set(&port->setup_begun, 0);
	return ret;
}

static long iocp_ioctl_associate(struct iocp_port *port, void __user *uarg)
{
	struct iocp_assoc_ref undo = {};
	struct iocp_associate a;
	int ret;

	ret = iocp_copy_args(&a, sizeof(a), uarg);
	if (ret)
		return ret;
	if (memchr_inv(a.resv, 0, sizeof(a.resv)))
		return -EINVAL;
	ret = iocp_associate(port, &a);
	if (ret)
		return ret;
	ret = iocp_copy_back(uarg, &a, sizeof(a));
	if (ret) {
		undo.assoc = a.assoc;
		undo.assoc_gen = a.assoc_gen;
		iocp_disassociate(port, &undo);
	}
	return ret;
}

static long iocp_ioctl_assoc_ref(struct iocp_port *port, unsigned int cmd, void __user *uarg)
{
	struct iocp_assoc_ref r;
	int ret;

	ret = iocp_copy_args(&r, sizeof(r), uarg);
	if (ret)
		return ret;
	if (r.resv0 || memchr_inv(r.resv, 0, sizeof(r.resv)))
		return -EINVAL;
	if (cmd == IOCP_IOC_DISASSOCIATE)
		return iocp_disassociate(port, &r);
	ret = iocp_copy_back(uarg, &r, sizeof(r)) ?: iocp_set_modes(port, &r);
	if (!ret)
		iocp_copy_back(uarg, &r, sizeof(r));
	return ret;
}

static long iocp_post(struct iocp_port *port, void __user *uarg)
{
	struct iocp_packet p;
	struct iocp_post a;
	int ret;

	ret = iocp_copy_args(&a, sizeof(a), uarg);
	if (ret)
		return ret;
	if (a.flags || a.resv || !a.nr || a.nr > IOCP_MAX_BATCH || a.packet_size != sizeof(p))
		return -EINVAL;

	for (a.nr_posted = 0; a.nr_posted < a.nr; a.nr_posted++) {
		const struct iocp_packet __user *up = u64_to_user_ptr(a.packets);

		ret = -EFAULT;
		if (iocp_get_words(&p, up + a.nr_posted, sizeof(p)))
			break;
		ret = -EINVAL;
		if (p.flags & ~IOCP_PKT_PRIO_MASK)
			break;
		p.flags |= IOCP_PKT_KIND_POST;
		ret = iocp_port_post(port, &p);
		if (ret)
			break;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	if (!a.nr_posted)
		return ret;
	/* They are posted: a fault here cannot be undone and the count is returned too. */
	iocp_copy_back(uarg, &a, sizeof(a));
	return a.nr_posted;
}

static long iocp_ioctl_cancel(struct iocp_port *port, void __user *uarg)
{
	struct iocp_cancel c;
	int ret;

	ret = iocp_copy_args(&c, sizeof(c), uarg);
	if (ret)
		return ret;
	if (c.resv)
		return -EINVAL;
	c.nr_cancelled = 0;
	c.nr_running = 0;
	c.nr_unstoppable = 0;
	ret = iocp_copy_back(uarg, &c, sizeof(c)) ?: iocp_cancel(port, &c);
	if (!ret)
		iocp_copy_back(uarg, &c, sizeof(c));
	return ret;
}

static long iocp_shutdown(struct iocp_port *port, void __user *uarg)
{
	struct iocp_shutdown s;
	int ret;

	ret = iocp_copy_args(&s, sizeof(s), uarg);
	if (ret)
		return ret;
	if (s.flags)
		return -EINVAL;
	ret = iocp_copy_back(uarg, &s, sizeof(s)) ?: iocp_port_shutdown(port, &s.nr_dropped);
	if (!ret)
		iocp_copy_back(uarg, &s, sizeof(s));
	return ret;
}

static long iocp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct iocp_port *port = file->private_data;
	void __user *uarg = (void __user *)arg;

	/* The hot one first: without jump tables a switch is a chain of compares. */
	if (likely(cmd == IOCP_IOC_ENTER))
		return iocp_port_is_live(port) ? iocp_enter(port, uarg) : -EBADFD;
	if (cmd == IOCP_IOC_QUERY)
		return iocp_query(port, uarg);
	if (cmd == IOCP_IOC_SETUP)
		return iocp_setup(port, uarg);
	if (_IOC_TYPE(cmd) != IOCP_IOC)
		return -ENOTTY;
	if (!iocp_port_is_live(port))
		return -EBADFD;

	switch (cmd) {
	case IOCP_IOC_ASSOCIATE:
		return iocp_ioctl_associate(port, uarg);
	case IOCP_IOC_DISASSOCIATE:
	case IOCP_IOC_SET_MODES:
		return iocp_ioctl_assoc_ref(port, cmd, uarg);
	case IOCP_IOC_POST:
		return iocp_post(port, uarg);
	case IOCP_IOC_CANCEL:
		return iocp_ioctl_cancel(port, uarg);
	case IOCP_IOC_SHUTDOWN:
		return iocp_shutdown(port, uarg);
	case IOCP_IOC_DETACH:
		return arg ? -EINVAL : iocp_worker_detach(port);
	case IOCP_IOC_STATS:
		return iocp_stats(port, uarg);
	default:
		return -ENOTTY;
	}
}

static int iocp_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct iocp_port *port = file->private_data;

	if (!iocp_port_is_live(port) || !port->ring)
		return -EINVAL;
	return iocp_ring_mmap(port->ring, vma);
}

static __poll_t iocp_poll(struct file *file, poll_table *pt)
{
	struct iocp_port *port = file->private_data;
	__poll_t mask = 0;

	if (!iocp_port_is_live(port))
		return EPOLLERR;
	poll_wait(file, &port->poll_wait, pt);
	if (READ_ONCE(port->shut))
		mask |= EPOLLHUP;
	if (iocp_port_depth(port))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int iocp_open(struct inode *inode, struct file *file)
{
	struct iocp_port *port = iocp_port_create();

	if (IS_ERR(port))
		return PTR_ERR(port);
	file->private_data = port;
	return nonseekable_open(inode, file);
}

static int iocp_release(struct inode *inode, struct file *file)
{
	iocp_port_close(file->private_data);
	return 0;
}

const struct file_operations iocp_fops = {
	.owner		= THIS_MODULE,
	.open		= iocp_open,
	.release	= iocp_release,
	.unlocked_ioctl	= iocp_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= iocp_mmap,
	.poll		= iocp_poll,
#ifdef CONFIG_PROC_FS
	.show_fdinfo	= iocp_show_fdinfo,
#endif
};

static struct miscdevice iocp_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= IOCP_NAME,
	.fops	= &iocp_fops,
	.mode	= 0660,
};

static struct dentry *iocp_debugfs;

static int iocp_objects_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "ports %d\nassocs %d\nrequests %d\nowners %d\nworkers %d\nposted %d\n",
		   atomic_read(&iocp_objects.ports), atomic_read(&iocp_objects.assocs),
		   atomic_read(&iocp_objects.requests), atomic_read(&iocp_objects.owners),
		   atomic_read(&iocp_objects.workers), atomic_read(&iocp_objects.posted));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iocp_objects);

/* The layout is an ABI: offsets and sizes never change, 32 and 64 bits alike. */
#define IOCP_CHECK(type, field, offset) \
	BUILD_BUG_ON(offsetof(struct type, field) != (offset))
static void __init iocp_check_abi(void)
{
	BUILD_BUG_ON(sizeof(struct iocp_op) != 64);
	IOCP_CHECK(iocp_op, overlapped, 16);
	IOCP_CHECK(iocp_op, len, 32);
	IOCP_CHECK(iocp_op, aux, 48);
	IOCP_CHECK(iocp_op, aux2, 56);
	BUILD_BUG_ON(sizeof(struct iocp_packet) != 32);
	IOCP_CHECK(iocp_packet, info, 16);
	IOCP_CHECK(iocp_packet, res, 24);
	BUILD_BUG_ON(sizeof(struct iocp_result) != 16);
	BUILD_BUG_ON(sizeof(struct iocp_query) != 128);
	BUILD_BUG_ON(sizeof(struct iocp_setup) != 160);
	IOCP_CHECK(iocp_setup, ro_off, 40);
	IOCP_CHECK(iocp_setup, rw_head, 88);
	BUILD_BUG_ON(sizeof(struct iocp_enter) != 112);
	IOCP_CHECK(iocp_enter, packets, 32);
	IOCP_CHECK(iocp_enter, deadline, 48);
	IOCP_CHECK(iocp_enter, first_id, 80);
	IOCP_CHECK(iocp_enter, state, 100);
	BUILD_BUG_ON(sizeof(struct iocp_associate) != 64);
	BUILD_BUG_ON(sizeof(struct iocp_assoc_ref) != 48);
	BUILD_BUG_ON(sizeof(struct iocp_post) != 32);
	BUILD_BUG_ON(sizeof(struct iocp_cancel) != 48);
	BUILD_BUG_ON(sizeof(struct iocp_shutdown) != 16);
	BUILD_BUG_ON(sizeof(struct iocp_stats) != 192);
}

static void iocp_cleanup(void)
{
	/*
	 * Nothing of ours is alive, or the module could not go.  What pinned it
	 * last may still be on its way out of our code: wait for that, and for
	 * the RCU callbacks that free our objects.
	 */
	if (iocp_io_wq)
		destroy_workqueue(iocp_io_wq);
	if (iocp_stream_wq)
		destroy_workqueue(iocp_stream_wq);
	if (iocp_flush_wq)
		destroy_workqueue(iocp_flush_wq);
	if (iocp_end_wq)
		destroy_workqueue(iocp_end_wq);
	rcu_barrier();
	kmem_cache_destroy(iocp_req_cache);
	kmem_cache_destroy(iocp_pkt_cache);
}

static int __init iocp_init(void)
{
	int ret = -ENOMEM;

	iocp_check_abi();
	iocp_pkt_cache = KMEM_CACHE(iocp_pkt, SLAB_ACCOUNT);
	/* short vectors are copied from the program straight into the request */
	iocp_req_cache = KMEM_CACHE_USERCOPY(iocp_req, SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN,
					     inline_iov);
	/* Swap and writeback may depend on an appliance that waits for us. */
	iocp_io_wq = alloc_workqueue("iocp_io", WQ_UNBOUND | WQ_MEM_RECLAIM, WQ_MAX_ACTIVE);
	iocp_stream_wq = alloc_workqueue("iocp_stream", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	iocp_flush_wq = alloc_workqueue("iocp_flush", WQ_UNBOUND, 0);
	iocp_end_wq = alloc_workqueue("iocp_end", WQ_UNBOUND, 0);
	if (!iocp_pkt_cache || !iocp_req_cache || !iocp_io_wq || !iocp_stream_wq ||
	    !iocp_flush_wq || !iocp_end_wq)
		goto fail;

	iocp_worker_init();
	iocp_debugfs = debugfs_create_dir(IOCP_NAME, NULL);
	debugfs_create_file("objects", 0444, iocp_debugfs, NULL, &iocp_objects_fops);

	/* Last: from here on programs can open it. */
	ret = misc_register(&iocp_misc);
	if (ret) {
		debugfs_remove(iocp_debugfs);
		iocp_worker_exit();
		goto fail;
	}
	return 0;
fail:
	iocp_cleanup();
	return ret;
}

static void __exit iocp_exit(void)
{
	misc_deregister(&iocp_misc);
	debugfs_remove(iocp_debugfs);
	iocp_worker_exit();
	iocp_cleanup();
}

module_init(iocp_init);
module_exit(iocp_exit);

MODULE_DESCRIPTION("I/O completion ports");
MODULE_AUTHOR("The iocp maintainers");
MODULE_LICENSE("GPL");
