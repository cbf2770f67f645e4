/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files that are there whole or not at all. */
#ifndef WEIR_KERNEL_STATE_FILE_H
#define WEIR_KERNEL_STATE_FILE_H

#include "base/arena.h"
#include "base/text.h"

/* Writes and syncs a file that is not there yet. On failure it is gone again. */
int file_write_new(int directory, const char *name, struct text text);
/* Puts a file in the place of what is there; the directory is synced. On failure what was there is there. */
int file_replace(int directory, const char *name, struct text text);
/* The same; its mode and owner are those told, not 0600 and ours. */
struct stat;
int file_replace_as(int directory, const char *name, struct text text, const struct stat *status);
/* Of at most `limit` bytes (-EFBIG), aligned for any object. -ENOENT. */
int file_read(struct arena *arena, int directory, const char *name, size_t limit, struct text *text);
int directory_sync(int directory);
/* Removes a directory with the files in it; no directories below. */
int directory_remove(int parent, const char *name);
int directory_open(int parent, const char *name);
/* mkdir -p, 0700. */
int directory_make(const char *path);

#endif
