/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files that are there whole or not at all: written under another name, synced, renamed. */
#include "command/output.h"

#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 8

static int fail_file(const char *command, const char *what, const char *path)
{
	return command_fail(command, EXIT_SYSTEM, "cannot %s %s: %s", what, path, strerror(errno));
}

static bool write_whole(int file, const struct buffer *text)
{
	for (size_t at = 0; at < text->size;) {
		ssize_t done = write(file, text->data + at, text->size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += (size_t)done;
	}
	return fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* PATH.XXXXXX, into *temporary: the caller frees it, and unlinks the file. */
static int write_temporary(const char *command, const char *path, const struct buffer *text, mode_t mode,
			   char **temporary)
{
	mode_t mask = umask(0);
	char *name = NULL;

	umask(mask);
	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return command_fail(command, EXIT_SYSTEM, "out of memory");
	int file = mkostemp(name, O_CLOEXEC);
	if (file < 0) {
		int code = fail_file(command, "write", path);
		free(name);
		return code;
	}
	*temporary = name;
	bool written = fchmod(file, mode & ~mask) == 0 && write_whole(file, text);
	int error = errno;
	close(file);
	errno = error;
	return written ? EXIT_DONE : fail_file(command, "write", path);
}

/* 1: it is there, and the same command wrote it; 0: it is not there; -1: it is something else. */
static int file_is_own(const char *path, const char *mark)
{
	char head[64] = "";
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISREG(status.st_mode))
		return -1;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return -1;
	ssize_t size = read(file, head, sizeof(head) - 1);
	close(file);
	/* A script has its mark on the second line. */
	const char *line = strncmp(head, "#!", 2) == 0 ? strchr(head, '\n') : NULL;
	return size > 0 && strncmp(line ? line + 1 : head, mark, strlen(mark)) == 0 ? 1 : -1;
}

static void sync_directory(const char *directory)
{
	int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (file >= 0) {
		fsync(file);
		close(file);
	}
}

struct placing {
	char *path, *temporary;
	bool stale; /* from an earlier run, and nothing comes in its place */
};

static int prepare(const struct output *output, const struct output_file *file, struct placing *placing)
{
	if (asprintf(&placing->path, "%s/%s", output->directory, file->name) < 0) {
		placing->path = NULL;
		return command_fail(output->command, EXIT_SYSTEM, "out of memory");
	}
	int own = file_is_own(placing->path, output->mark);
	if (own < 0 && !output->force)
		return command_fail(
		    output->command, EXIT_SYSTEM,
		    "%s is not a file that weir %s wrote: nothing was written; --force overwrites it",
		    placing->path, output->command);
	placing->stale = own != 0 && file->text.size == 0;
	return EXIT_DONE;
}

static int place(const struct output *output, struct placing *placings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (placings[i].temporary) {
			if (rename(placings[i].temporary, placings[i].path) < 0)
				return fail_file(output->command, "write", placings[i].path);
			free(placings[i].temporary);
			placings[i].temporary = NULL;
		} else if (placings[i].stale && unlink(placings[i].path) < 0) {
			return fail_file(output->command, "remove", placings[i].path);
		}
	}
	sync_directory(output->directory);
	return EXIT_DONE;
}

int output_write(const struct output *output, const struct output_file *files, size_t count)
{
	struct placing placings[FILES_MAX] = {{0}};
	int code = EXIT_DONE;

	if (count > FILES_MAX)
		return EXIT_SYSTEM;
	if (mkdir(output->directory, 0755) < 0 && errno != EEXIST)
		return fail_file(output->command, "make", output->directory);
	for (size_t i = 0; i < count && !code; i++)
		code = prepare(output, &files[i], &placings[i]);
	for (size_t i = 0; i < count && !code; i++)
		if (files[i].text.size)
			code = write_temporary(output->command, placings[i].path, &files[i].text,
					       files[i].program ? 0755 : 0644, &placings[i].temporary);
	if (!code)
		code = place(output, placings, count);
	for (size_t i = 0; i < count; i++) {
		if (placings[i].temporary)
			unlink(placings[i].temporary);
		free(placings[i].temporary);
		free(placings[i].path);
	}
	return code;
}

int output_write_file(const char *command, const char *path, const struct buffer *text)
{
	char *temporary = NULL;

	if (strcmp(path, "-") == 0) {
		if (text->size)
			fwrite(text->data, 1, text->size, stdout);
		return EXIT_DONE;
	}
	int code = write_temporary(command, path, text, 0644, &temporary);
	if (!code && rename(temporary, path) < 0)
		code = fail_file(command, "write", path);
	if (code && temporary)
		unlink(temporary);
	free(temporary);
	return code;
}
