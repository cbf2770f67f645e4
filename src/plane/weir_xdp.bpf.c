// SPDX-License-Identifier: GPL-2.0-or-later
/* What runs for each frame: key, look-up, counters. It can drop and it can pass; there is nothing else it
 * could do to a frame. Runs on Linux 5.15 and later; see plane/xdp.h for its maps. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "packet/parse.h"
#include "plane/lookup.h"

char LICENSE[] SEC("license") = "GPL";

/* The blob's size less one, set before the program is loaded. */
const volatile __u64 weir_mask = PLANE_SIZE_MIN - 1;
/* Counters of a CPU. */
const volatile __u32 weir_stride = 1;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, PLANE_SIZE_MIN);
} weir_blob SEC(".maps");

struct weir_count {
	__u64 packets, bytes;
};

/* One for each possible CPU and slot, at cpu * stride + slot. Not a per-CPU map: the look-up in a plain array
 * is inlined on every kernel, that in a per-CPU one is a call before Linux 6.10, and a plain array can be
 * read whole with mmap(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct weir_count);
} weir_counters SEC(".maps");

/* 1 when counted. */
static __always_inline int count(__u32 slot, __u32 bytes, __u32 first)
{
	__u32 index = first + slot;
	struct weir_count *counter = bpf_map_lookup_elem(&weir_counters, &index);
	if (!counter)
		return 0;
	counter->packets++;
	counter->bytes += bytes;
	return 1;
}

/* The rest of the look-up is a function of its own, and not static, so that the verifier goes over it once
 * and not for each way in which a frame can be parsed. */
__attribute__((noinline)) __u32 weir_walk_rest(const struct packet_key *key, struct plane_leaves *leaves,
					       __u32 entry)
{
	__u32 zero = 0;
	const __u8 *blob = bpf_map_lookup_elem(&weir_blob, &zero);
	if (!blob || !key || !leaves)
		return PLANE_PASS;
	const struct plane_header *header = (const struct plane_header *)blob;
	const struct plane_family *family = &header->families[0];
	if (key->family == 6)
		family = &header->families[1];
	return plane_walk_rest(blob, weir_mask, family, key, leaves, entry);
}

static __always_inline int weir_xdp_run(struct xdp_md *context)
{
	const __u8 *frame = (const __u8 *)(long)context->data;
	const __u8 *end = (const __u8 *)(long)context->data_end;
	__u32 zero = 0;
	const __u8 *blob = bpf_map_lookup_elem(&weir_blob, &zero);
	if (!blob)
		return XDP_PASS;
	const struct plane_header *header = (const struct plane_header *)blob;
	struct packet_key key;
	if (!packet_parse_frame(frame, end, header->mac, &key))
		return XDP_PASS;

	struct plane_leaves leaves;
	__u64 mask = weir_mask;
	const struct plane_family *family = &header->families[0];
	__u32 entry;
	if (key.family == 4) {
		if (header->present[0] != 4)
			return XDP_PASS;
		entry = plane_walk_begin(blob, mask, family, &key, &leaves, 4);
	} else {
		if (header->present[1] != 6)
			return XDP_PASS;
		family = &header->families[1];
		entry = plane_walk_begin(blob, mask, family, &key, &leaves, 6);
	}
	if (!(entry & PLANE_END))
		entry = weir_walk_rest(&key, &leaves, entry);
	if (!(entry & PLANE_DROP))
		return XDP_PASS;
	__u32 hits = (entry >> PLANE_HIT_SHIFT) & PLANE_HIT_MASK;
	if (!hits)
		return XDP_DROP;
	__u32 first = bpf_get_smp_processor_id() * weir_stride;
	for (__u32 i = 0; i < 8; i++) {
		if (i >= hits)
			break;
		__u32 slot = plane_hit_slot(blob, mask, family, &leaves, entry, i);
		if (slot)
			count(slot, key.length, first);
	}
	return XDP_DROP;
}

SEC("xdp")
int weir_xdp(struct xdp_md *context)
{
	return weir_xdp_run(context);
}
