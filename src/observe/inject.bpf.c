// SPDX-License-Identifier: GPL-2.0-or-later
/* The frames that BPF_PROG_TEST_RUN sends with BPF_F_TEST_XDP_LIVE_FRAMES, made here: each run of `inject`
 * becomes the next of the templates, whole, checksums included (the kernel does not restore a frame between
 * its uses, so nothing of the last packet may remain). Then it goes to the interface whose other end is
 * measured, or up the receive path of the interface that the run names.
 *
 * `discard` and `pass` are what the measured programs are compared with. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ETHERNET_HEADER 14

struct frame {
	__u32 length;
	__u8 bytes[];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct frame) + 64); /* set when loading: room */
	__uint(max_entries, 1);                        /* set when loading: count */
} frames SEC(".maps");

const volatile __u32 room = 64; /* bytes of a template */
const volatile __u32 count = 1; /* templates */
const volatile __u32 through;   /* interface to send through; 0: receive on the interface of the run */

__u32 next;     /* template of the next frame */
__u32 failures; /* frames that could not be made: the run is void */

SEC("xdp")
int inject(struct xdp_md *context)
{
	__u32 index = next;
	struct frame *frame;
	__u32 length;
	int change;

	next = index + 1 < count ? index + 1 : 0;
	frame = bpf_map_lookup_elem(&frames, &index);
	if (!frame)
		goto failure;
	length = frame->length;
	if (length < ETHERNET_HEADER || length > room)
		goto failure;
	change = (int)length - (int)(context->data_end - context->data);
	if (change && bpf_xdp_adjust_tail(context, change))
		goto failure;
	if (bpf_xdp_store_bytes(context, 0, frame->bytes, length))
		goto failure;
	return through ? bpf_redirect(through, 0) : XDP_PASS;
failure:
	failures++;
	return XDP_DROP;
}

SEC("xdp")
int discard(struct xdp_md *context)
{
	(void)context;
	return XDP_DROP;
}

SEC("xdp")
int pass(struct xdp_md *context)
{
	(void)context;
	return XDP_PASS;
}

char inject_license[] SEC("license") = "GPL";
