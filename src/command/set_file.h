/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir set add and del --permanent: the list file of the set, changed as its members are. */
#ifndef WEIR_COMMAND_SET_FILE_H
#define WEIR_COMMAND_SET_FILE_H

#include "command/set.h"

#include <sys/stat.h>

struct set_file {
	const char *path;      /* absolute */
	struct stat status;    /* of what was read */
	struct buffer text;    /* as it is to be */
	size_t added, removed; /* lines; one of which a part is taken away is neither */
	size_t cut;            /* lines of which a part is taken away */
	size_t missed;         /* of the members to be deleted: not in the file */
};

/* The file of the set, or the one that is named. EXIT_DONE or the exit code. */
int set_file_choose(const struct set_lists *lists, const char *set, const char *named, const char **path);
/* Reads it, and makes the text with what is asked in it, or no longer. EXIT_DONE or the exit code; nothing is
 * written yet. */
int set_file_prepare(struct arena *arena, const char *path, const struct set_lists *lists,
		     const struct set_asked *asked, bool remove, struct set_file *file);
/* In place of what was read: -ESTALE: that has changed since. 0 or -errno. */
int set_file_write(const struct set_file *file);
void set_file_fini(struct set_file *file);

#endif
