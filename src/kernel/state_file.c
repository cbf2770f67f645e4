/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Write under another name, sync, rename, sync the directory: rename(2) is what makes it whole. */
#include "kernel/state_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int file, struct text text)
{
	for (size_t at = 0; at < text.size;) {
		ssize_t done = write(file, text.data + at, text.size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += (size_t)done;
	}
	return 0;
}

static int sync_file(int file)
{
	/* Some file systems have nothing to be synced. */
	return fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -errno;
}

static int write_new(int directory, const char *name, struct text text, const struct stat *status)
{
	int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = 0;

	if (file < 0)
		return -errno;
	if (status &&
	    (fchown(file, status->st_uid, status->st_gid) < 0 || fchmod(file, status->st_mode & 07777) < 0))
		error = -errno;
	if (!error)
		error = write_all(file, text);
	if (!error)
		error = sync_file(file);
	if (close(file) < 0 && !error)
		error = -errno;
	if (error)
		unlinkat(directory, name, 0);
	return error;
}

int file_write_new(int directory, const char *name, struct text text)
{
	return write_new(directory, name, text, NULL);
}

int directory_sync(int directory)
{
	return sync_file(directory);
}

/* Under its name, and what had the name under the other one until the directory is synced: where that fails
 * they change places again, so that what is read is what was said. A file system that cannot exchange two
 * names replaces, and on the next failure of its disk the new file stays. */
static int put_in_place(int directory, const char *new, const char *name)
{
	bool kept = renameat2(directory, new, directory, name, RENAME_EXCHANGE) == 0;
	bool was_there = kept || errno != ENOENT;
	int error;

	if (!kept && renameat(directory, new, directory, name) < 0)
		return -errno;
	error = directory_sync(directory);
	if (error && kept)
		renameat2(directory, new, directory, name, RENAME_EXCHANGE);
	else if (error && !was_there)
		unlinkat(directory, name, 0);
	else if (!error && kept)
		unlinkat(directory, new, 0);
	return error;
}

int file_replace_as(int directory, const char *name, struct text text, const struct stat *status)
{
	char other[NAME_MAX + 1];
	int error;

	if (snprintf(other, sizeof(other), ".%s.new", name) >= (int)sizeof(other))
		return -ENAMETOOLONG;
	if (unlinkat(directory, other, 0) < 0 && errno != ENOENT)
		return -errno;
	error = write_new(directory, other, text, status);
	if (!error)
		error = put_in_place(directory, other, name);
	if (error)
		unlinkat(directory, other, 0);
	return error;
}

int file_replace(int directory, const char *name, struct text text)
{
	return file_replace_as(directory, name, text, NULL);
}

int file_read(struct arena *arena, int directory, const char *name, size_t limit, struct text *text)
{
	int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;
	struct stat status;
	size_t at = 0;
	char *data;

	if (file < 0)
		return -errno;
	if (fstat(file, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -EINVAL;
	else if ((uint64_t)status.st_size > limit)
		error = -EFBIG;
	data = error ? NULL : arena_alloc(arena, (size_t)status.st_size + 1);
	if (!error && !data)
		error = -ENOMEM;
	while (!error && at < (size_t)status.st_size) {
		ssize_t got = read(file, data + at, (size_t)status.st_size - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			error = got < 0 ? -errno : -EIO;
		else
			at += (size_t)got;
	}
	close(file);
	if (!error)
		*text = (struct text){data, at};
	return error;
}

int directory_open(int parent, const char *name)
{
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return directory < 0 ? -errno : directory;
}

int directory_remove(int parent, const char *name)
{
	int directory = directory_open(parent, name);
	struct dirent *entry;
	DIR *stream;

	if (directory < 0)
		return directory;
	stream = fdopendir(directory);
	if (!stream) {
		int error = -errno;
		close(directory);
		return error;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(directory, entry->d_name, 0);
	closedir(stream);
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int directory_make(const char *path)
{
	char copy[PATH_MAX];
	size_t size = strlen(path);

	if (size == 0 || size >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, size + 1);
	for (size_t i = 1; i <= size; i++) {
		if (copy[i] != '/' && copy[i])
			continue;
		copy[i] = 0;
		if (mkdir(copy, i == size ? 0700 : 0755) < 0 && errno != EEXIST)
			return -errno;
		copy[i] = path[i];
	}
	return 0;
}
