// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - the shared ring: NORMAL packets that found no waiter.
 *
 * One producer, the kernel, under port->lock.  Many consumers: threads of any
 * process that maps it, by compare-and-swap on the head, and the kernel itself.
 * Two mappings: tail, words and packets can only be read by programs, so no
 * process can forge another's packet; the head is alone on a writable page.
 *
 * Memory order.  Consumer: load-acquire head, load-acquire tail, read the
 * packets with plain atomic loads (they may tear: then the CAS fails, because
 * a slot is only overwritten after the head moved past it), CAS head with
 * release.  Producer: load-acquire head before it overwrites a slot, plain
 * stores to the slot, store-release tail.  A consumer that reads tail before a
 * head that others moved on sees tail - head <= 0: empty.  The head only grows
 * and has 64 bits, so there is no ABA.
 *
 * Trust: none.  The kernel's own copy of the tail is the truth.  A head that is
 * beyond it, or behind one that the kernel has seen, marks the ring broken for
 * good: nothing is put there any more, packets go to the lists and ENTER serves
 * those.  Programs that move the head back unseen get old packets again, which
 * only they suffer from.  The kernel's own CAS is bounded, see iocp_ring_pop().
 *
 * The pages belong to an anonymous file that the mappings refer to instead of
 * the port's file.  So a mapping keeps the memory, never the port: closing the
 * port's last fd ends it even while its ring is mapped.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "iocp.h"

#define IOCP_RING_RW_OFF	0x10000000ULL
#define IOCP_RING_POP_TRIES	4

/* Packets start on a cache line of their own. */
#define IOCP_RING_PACKETS	64

static void iocp_ring_free(struct iocp_ring *ring)
{
	unsigned int i;

	if (ring->ro)
		vunmap(ring->ro);
	if (ring->pages) {
		for (i = 0; i <= ring->nr_ro_pages; i++)
			if (ring->pages[i])
				put_page(ring->pages[i]);
		kvfree(ring->pages);
	}
	kfree(ring);
}

static int iocp_ring_release(struct inode *inode, struct file *file)
{
	iocp_ring_free(file->private_data);
	return 0;
}

static const struct file_operations iocp_ring_fops = {
	.owner		= THIS_MODULE,
	.release	= iocp_ring_release,
};

static size_t iocp_ring_ro_bytes(u32 entries)
{
	return PAGE_ALIGN(IOCP_RING_PACKETS + (size_t)entries * sizeof(struct iocp_packet));
}

/* What a ring costs its user. */
size_t iocp_ring_bytes(u32 entries)
{
	return iocp_ring_ro_bytes(entries) + PAGE_SIZE;
}

/* One mapping for the kernel: header and packets, and the head's page behind them. */
struct iocp_ring *iocp_ring_create(u32 entries)
{
	size_t ro_bytes = iocp_ring_ro_bytes(entries);
	struct iocp_ring *ring;
	unsigned int i;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->entries = entries;
	ring->nr_ro_pages = ro_bytes >> PAGE_SHIFT;
	ring->pages = kvcalloc(ring->nr_ro_pages + 1, sizeof(*ring->pages), GFP_KERNEL_ACCOUNT);
	if (!ring->pages)
		goto fail;
	for (i = 0; i <= ring->nr_ro_pages; i++) {
		ring->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!ring->pages[i])
			goto fail;
	}
	ring->ro = vmap(ring->pages, ring->nr_ro_pages + 1, VM_MAP, PAGE_KERNEL);
	if (!ring->ro)
		goto fail;
	ring->packets = (void *)ring->ro + IOCP_RING_PACKETS;
	ring->rw = (void *)ring->ro + ro_bytes;

	ring->file = anon_inode_getfile("[iocp_ring]", &iocp_ring_fops, ring, O_RDWR);
	if (IS_ERR(ring->file)) {
		int ret = PTR_ERR(ring->file);

		iocp_ring_free(ring);
		return ERR_PTR(ret);
	}
	return ring;
fail:
	iocp_ring_free(ring);
	return ERR_PTR(-ENOMEM);
}

/* The port lets go; mappings may keep the pages.  NULL is fine. */
void iocp_ring_put(struct iocp_ring *ring)
{
	if (ring)
		fput(ring->file);
}

void iocp_ring_describe(struct iocp_ring *ring, struct iocp_setup *s)
{
	s->ro_off = 0;
	s->ro_len = (u64)ring->nr_ro_pages << PAGE_SHIFT;
	s->rw_off = IOCP_RING_RW_OFF;
	s->rw_len = PAGE_SIZE;
	s->ro_tail = offsetof(struct iocp_ring_ro, tail);
	s->ro_must_enter = offsetof(struct iocp_ring_ro, must_enter);
	s->ro_more = offsetof(struct iocp_ring_ro, more);
	s->ro_packets = IOCP_RING_PACKETS;
	s->rw_head = offsetof(struct iocp_ring_rw, head);
}

int iocp_ring_mmap(struct iocp_ring *ring, struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma);
	struct page **pages;

	if (vma->vm_pgoff == 0) {
		if (nr != ring->nr_ro_pages)
			return -EINVAL;
		if (vma->vm_flags & (VM_WRITE | VM_EXEC))
			return -EPERM;
		pages = ring->pages;
		iocp_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
				  VM_MAYWRITE | VM_MAYEXEC);
	} else if (vma->vm_pgoff == IOCP_RING_RW_OFF >> PAGE_SHIFT) {
		if (nr != 1)
			return -EINVAL;
		/* A private copy of the head would be of no use to anybody. */
		if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
			return -EPERM;
		pages = ring->pages + ring->nr_ro_pages;
		iocp_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	} else {
		return -EINVAL;
	}
	vma_set_file(vma, ring->file);
	return vm_map_pages_zero(vma, pages, nr);
}

/* How many packets lie between @head and our tail; finds a broken ring. */
static u32 iocp_ring_distance(struct iocp_ring *ring, u64 head)
{
	u64 used = ring->tail - head;

	if (likely(used <= ring->tail - ring->seen)) {
		ring->seen = head;
		return used;
	}
	WRITE_ONCE(ring->is_broken, true);
	ring->broken++;
	return 0;
}

/* Under port->lock.  How many packets wait, 0 if the ring is broken. */
u32 iocp_ring_used(struct iocp_ring *ring)
{
	if (ring->is_broken)
		return 0;
	/* pairs with the consumers' release, see above */
	return iocp_ring_distance(ring, smp_load_acquire(&ring->rw->head));
}

/* Under port->lock.  How many packets programs took. */
u64 iocp_ring_taken(struct iocp_ring *ring)
{
	iocp_ring_used(ring);	/* looks at the head */
	return ring->seen - ring->popped;
}

/* Under port->lock. */
u64 iocp_ring_broken(struct iocp_ring *ring)
{
	return ring->broken;
}

/* Under port->lock. */
bool iocp_ring_has_room(struct iocp_ring *ring)
{
	u32 used = iocp_ring_used(ring);

	return !ring->is_broken && used < ring->entries;
}

/* Under port->lock, after iocp_ring_has_room() said yes. */
void iocp_ring_push(struct iocp_ring *ring, const struct iocp_packet *p)
{
	ring->packets[ring->tail & (ring->entries - 1)] = *p;
	WRITE_ONCE(ring->tail, ring->tail + 1);
	/* the packet before the tail; pairs with the consumers' acquire */
	smp_store_release(&ring->ro->tail, ring->tail);
}

/*
 * Under port->lock, interrupts off.  1: a packet; 0: empty or broken; -EAGAIN:
 * programs moved the head each time we tried, which a single spinning thread
 * can do for ever.  Then somebody who can be preempted has to go on.
 */
int iocp_ring_pop(struct iocp_ring *ring, struct iocp_packet *p)
{
	int tries;

	for (tries = 0; tries < IOCP_RING_POP_TRIES; tries++) {
		/* as any consumer does it */
		u64 head = smp_load_acquire(&ring->rw->head);

		if (ring->is_broken || !iocp_ring_distance(ring, head))
			return 0;
		*p = ring->packets[head & (ring->entries - 1)];
		if (cmpxchg(&ring->rw->head, head, head + 1) == head) {
			ring->seen = head + 1;
			ring->popped++;
			return 1;
		}
	}
	return -EAGAIN;
}

/* Under port->lock.  A store only where it changes something: programs poll these. */
void iocp_ring_set_words(struct iocp_ring *ring, u32 must_enter, u32 more)
{
	if (ring->ro->must_enter != must_enter)
		WRITE_ONCE(ring->ro->must_enter, must_enter);
	if (ring->ro->more != more)
		WRITE_ONCE(ring->ro->more, more);
}
