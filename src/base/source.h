/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where input came from: a source is a named text held in memory; a span is a place in one. */
#ifndef WEIR_BASE_SOURCE_H
#define WEIR_BASE_SOURCE_H

#include "base/arena.h"
#include "base/text.h"

#include <stdint.h>

#define SOURCE_SIZE_MAX (1u << 30) /* bytes; larger input is refused with -EFBIG */

struct source {
	const char *name; /* as the user gave it, or "live:iptables-legacy-save" */
	const char *data;
	uint32_t size; /* bytes */
};

struct span {
	const struct source *source; /* NULL: no place */
	uint32_t begin, end;         /* byte offsets, end exclusive */
};

/* Reads the whole file ("-" is standard input) into the arena. 0 or -errno. */
int source_read(struct arena *arena, const char *path, struct source **source);
/* A source over text that the caller keeps alive as long as the arena. */
struct source *source_new(struct arena *arena, const char *name, const char *data, size_t size);

/* 1-based line and column (in bytes) of an offset, and the whole line without its line end. */
struct source_position {
	uint32_t line, column;
	struct text text;
};
/* Linear in the offset: for messages, not for loops. */
struct source_position source_locate(const struct source *source, uint32_t offset);

/* The same for many places of one source, mostly ascending: goes on from the last one. Zero-initialised. */
struct source_cursor {
	const struct source *source;
	uint32_t offset, line;
};
uint32_t source_line(struct source_cursor *cursor, struct span span);

#endif
