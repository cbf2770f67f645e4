/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Captured traffic in files: pcap and pcapng are read, pcap is written. */
#ifndef WEIR_PACKET_CAPTURE_H
#define WEIR_PACKET_CAPTURE_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

struct capture_frame {
	int link_type;             /* pcap's; the same for all frames of a capture */
	const uint8_t *data;       /* until the next call */
	size_t captured, original; /* bytes at hand; bytes of the frame as it was */
	uint64_t time;             /* nanoseconds since 1970 */
};

/* "-" is standard input. 0, or -errno with the reason in words added to `reason` (-EINVAL: not a capture). */
int capture_open(const char *path, struct capture **capture, struct buffer *reason);
void capture_close(struct capture *capture);
static inline void capture_cleanup(struct capture **capture)
{
	if (*capture)
		capture_close(*capture);
}
/* 1 with a frame, 0 at the end, -EINVAL with the reason when the file is damaged here. */
int capture_next(struct capture *capture, struct capture_frame *frame, struct buffer *reason);
/* Share of the file that has been read, 0 to 1; negative when it is not known (a pipe). */
double capture_progress(const struct capture *capture);

/* A pcap file of the same link type and with the same times. It has its name only after
 * capture_writer_commit(): until then it is a temporary file beside it, which capture_writer_close() removes.
 */
struct capture_writer;

int capture_writer_open(const struct capture *like, const char *path, struct capture_writer **writer,
			struct buffer *reason);
int capture_writer_add(struct capture_writer *writer, const struct capture_frame *frame);
/* Flushes, syncs and renames. 0 or -errno. */
int capture_writer_commit(struct capture_writer *writer);
void capture_writer_close(struct capture_writer *writer);
static inline void capture_writer_cleanup(struct capture_writer **writer)
{
	if (*writer)
		capture_writer_close(*writer);
}

#endif
