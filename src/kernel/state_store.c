/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directory, its lock, and the small files in it. */
#include "kernel/state_store.h"
#include "kernel/nft_known.h"
#include "kernel/run_lock.h"
#include "kernel/state_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES "/run/netns"
#define SMALL_MAX 4096
#define PAUSE 50000 /* us */

/* --- Where */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* The name that ip-netns(8) has for the namespace. */
static int namespace_name(const struct stat *own, char *path, size_t size)
{
	DIR *stream = opendir(NAMESPACES);
	struct dirent *entry;
	struct stat status;
	int found = -ENOTUNIQ;

	if (!stream)
		return found;
	while (found && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(stream), entry->d_name, &status, 0) == 0 &&
		    same_file(own, &status))
			found = snprintf(path, size, STATE_DIRECTORY "/netns/%s", entry->d_name) < (int)size
				    ? 0
				    : -ENAMETOOLONG;
	closedir(stream);
	return found;
}

static int default_path(char *path, size_t size)
{
	struct stat own, first;
	int error = 0;
	bool seen;

	if (stat("/proc/self/ns/net", &own) < 0)
		return -errno;
	seen = stat("/proc/1/ns/net", &first) == 0; /* not without CAP_SYS_PTRACE, in some places */
	if (!seen || !same_file(&own, &first))
		error = namespace_name(&own, path, size);
	if ((seen && same_file(&own, &first)) || (!seen && error == -ENOTUNIQ)) {
		snprintf(path, size, STATE_DIRECTORY);
		error = 0;
	}
	return error;
}

int state_store_open(const char *path, bool create, struct state_store *store, struct buffer *why)
{
	char place[PATH_MAX];
	int error = 0;

	if (!path) {
		error = default_path(place, sizeof(place));
		if (error) {
			buffer_printf(why, "%s",
				      error == -ENOTUNIQ ? "this network namespace has no name: say with "
							   "--state DIR where its states are kept"
							 : strerror(-error));
			return error;
		}
		path = place;
	}
	if (create)
		error = directory_make(path);
	store->path = strdup(path);
	store->directory = error ? error : directory_open(AT_FDCWD, path);
	if (store->directory >= 0 && create && mkdirat(store->directory, "states", 0700) < 0 &&
	    errno != EEXIST)
		error = -errno;
	if (!store->path)
		error = -ENOMEM;
	else if (store->directory < 0)
		error = store->directory;
	if (error) {
		buffer_printf(why, "%s: %s", path, strerror(-error));
		state_store_close(store);
	} else {
		nft_known_open(store->directory);
	}
	return error;
}

void state_store_close(struct state_store *store)
{
	state_store_unlock(store);
	if (store->directory >= 0) {
		nft_known_close(store->directory);
		close(store->directory);
	}
	free(store->path);
	store->path = NULL;
	store->directory = -1;
}

/* --- Locks */

static void say_holder(int file, const struct state_store *store, struct buffer *why)
{
	char text[256];
	ssize_t size = pread(file, text, sizeof(text) - 1, 0);

	if (size < 0)
		size = 0;
	while (size && (text[size - 1] == '\n' || !text[size - 1]))
		size--;
	buffer_printf(why, "another weir is at work%s%.*s; it holds %s/lock", size ? ": " : "", (int)size,
		      text, store->path);
}

/* One directory may not be all that works on the tables of a network namespace. Where nothing can be written
 * below /run the directory's lock must do. */
static int lock_space(struct state_store *store, unsigned wait, struct buffer *why)
{
	struct stat own;
	char name[64];

	if (stat("/proc/self/ns/net", &own) < 0)
		return -errno;
	snprintf(name, sizeof(name), "net-%ju.lock", (uintmax_t)own.st_ino);
	store->space = run_lock(name, wait * 1000);
	if (store->space == -EAGAIN)
		buffer_printf(why,
			      "another weir is at work on the rules of this network namespace, with another "
			      "directory of states; it holds " RUN_DIRECTORY "/%s",
			      name);
	return store->space == -EAGAIN ? -EAGAIN : 0;
}

int state_store_lock(struct state_store *store, const char *what, unsigned wait, struct buffer *why)
{
	int file = openat(store->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[128];

	if (file < 0) {
		int error = -errno;
		buffer_printf(why, "%s/lock: %s", store->path, strerror(-error));
		return error;
	}
	for (uint64_t tries = 0; flock(file, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (tries >= (uint64_t)wait * 1000000 / PAUSE) {
			say_holder(file, store, why);
			close(file);
			return -EAGAIN;
		}
		usleep(PAUSE);
	}
	int error = lock_space(store, wait, why);
	if (error) {
		close(file);
		return error;
	}
	/* A full disk is no reason to fail here: it is for those who wait. */
	int size = snprintf(text, sizeof(text), "weir %s, process %ld\n", what, (long)getpid());
	if (ftruncate(file, 0) < 0 || pwrite(file, text, (size_t)size, 0) < 0)
		errno = 0;
	store->lock = file;
	nft_known_allow(store->directory, true);
	return 0;
}

void state_store_unlock(struct state_store *store)
{
	if (store->lock >= 0) {
		nft_known_allow(store->directory, false);
		close(store->lock);
	}
	if (store->space >= 0)
		close(store->space);
	store->lock = store->space = -1;
}

int state_holder_lock(struct state_store *store)
{
	int file = openat(store->directory, "holder", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (file < 0)
		return -errno;
	if (flock(file, LOCK_EX | LOCK_NB) < 0) {
		close(file);
		return -EAGAIN;
	}
	return file;
}

/* --- Small files */

static int read_small(struct state_store *store, const char *name, char text[SMALL_MAX], struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct text found = {0};
	int error = arena ? file_read(arena, store->directory, name, SMALL_MAX - 1, &found) : -ENOMEM;

	if (error == -ENOENT) {
		text[0] = 0;
		return 0;
	}
	if (error) {
		buffer_printf(why, "%s/%s: %s", store->path, name, strerror(-error));
		return error;
	}
	memcpy(text, found.data, found.size);
	text[found.size] = 0;
	return 0;
}

static int write_small(struct state_store *store, const char *name, const char *text, struct buffer *why)
{
	int error = file_replace(store->directory, name, text_of(text));

	if (error)
		buffer_printf(why, "cannot write %s/%s: %s", store->path, name, strerror(-error));
	return error;
}

int state_current(struct state_store *store, uint32_t *number, struct buffer *why)
{
	char text[SMALL_MAX];
	int error = read_small(store, "current", text, why);

	if (error)
		return error;
	*number = 0;
	if (text[0] && sscanf(text, "%" SCNu32, number) != 1) {
		buffer_printf(why, "%s/current is damaged", store->path);
		return -EBADMSG;
	}
	return 0;
}

int state_set_current(struct state_store *store, uint32_t number, struct buffer *why)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu32 "\n", number);
	return write_small(store, "current", text, why);
}

static const char *const pending_names[] = {"none", "apply", "try", "rollback"};

static int read_boot(char boot[static 40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	int found = file ? fscanf(file, "%39s", boot) : 0;

	if (file)
		fclose(file);
	return found == 1 ? 0 : -EIO;
}

int state_pending(struct state_store *store, struct state_pending *pending, struct buffer *why)
{
	char text[SMALL_MAX], kind[16];
	unsigned before;
	int error = read_small(store, "pending", text, why);

	*pending = (struct state_pending){0};
	if (error || !text[0])
		return error;
	if (sscanf(text, "%15s %" SCNu32 " %" SCNu32 " %" SCNu32 " %u %" SCNu64 " %39s", kind,
		   &pending->number, &pending->from, &pending->source, &before, &pending->deadline,
		   pending->boot) == 7) {
		pending->before = before;
		for (enum state_pending_kind i = STATE_PENDING_APPLY; i <= STATE_PENDING_ROLLBACK; i++)
			if (strcmp(kind, pending_names[i]) == 0)
				pending->kind = i;
	}
	if (pending->kind)
		return 0;
	buffer_printf(why, "%s/pending is damaged; remove it when no weir is at work", store->path);
	return -EBADMSG;
}

int state_set_pending(struct state_store *store, struct state_pending *pending, struct buffer *why)
{
	char text[256];

	if (pending->kind == STATE_PENDING_NONE) {
		if (unlinkat(store->directory, "pending", 0) < 0 && errno != ENOENT) {
			int error = -errno;
			buffer_printf(why, "cannot remove %s/pending: %s", store->path, strerror(-error));
			return error;
		}
		return directory_sync(store->directory);
	}
	int error = read_boot(pending->boot);
	if (error) {
		buffer_printf(why, "cannot read the kernel's boot_id: %s", strerror(-error));
		return error;
	}
	snprintf(text, sizeof(text), "%s %" PRIu32 " %" PRIu32 " %" PRIu32 " %u %" PRIu64 " %s\n",
		 pending_names[pending->kind], pending->number, pending->from, pending->source,
		 pending->before, pending->deadline, pending->boot);
	return write_small(store, "pending", text, why);
}

bool state_pending_of_old(const struct state_pending *pending)
{
	char boot[40] = "";

	return read_boot(boot) == 0 && strcmp(boot, pending->boot) != 0;
}
