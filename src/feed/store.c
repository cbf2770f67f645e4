/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directory of feeds. Names are those of the policy's feeds (POLICY_NAME_MAX letters, digits, _ and -, a
 * letter first), so that none of them is another's record, or the lock. */
#include "feed/store.h"
#include "base/source.h"
#include "kernel/hash.h"
#include "kernel/state_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define RECORD_SIZE_MAX 65536
#define MARK ".changed"

int feed_store_open(const char *path, bool create, struct feed_store *store, struct buffer *why)
{
	int error = create ? directory_make(path) : 0;

	*store = (struct feed_store)FEED_STORE_NONE;
	if (!error)
		store->directory = directory_open(AT_FDCWD, path);
	if (!error && store->directory < 0)
		error = store->directory;
	if (!error && !(store->path = strdup(path)))
		error = -ENOMEM;
	if (error) {
		buffer_printf(why, "%s: %s", path, strerror(-error));
		feed_store_close(store);
	}
	return error;
}

void feed_store_close(struct feed_store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->directory >= 0)
		close(store->directory);
	free(store->path);
	*store = (struct feed_store)FEED_STORE_NONE;
}

int feed_store_lock(struct feed_store *store, struct buffer *why)
{
	int file = openat(store->directory, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = file < 0 ? -errno : flock(file, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;

	if (!error) {
		store->lock = file;
		return 0;
	}
	if (file >= 0)
		close(file);
	if (error == -EWOULDBLOCK)
		buffer_printf(why, "another weir fetches feeds; it holds %s/.lock", store->path);
	else
		buffer_printf(why, "cannot lock %s/.lock: %s", store->path, strerror(-error));
	return error;
}

int feed_store_mark(const struct feed_store *store)
{
	return feed_store_marked(store) ? 0 : file_replace(store->directory, MARK, TEXT(""));
}

bool feed_store_marked(const struct feed_store *store)
{
	return faccessat(store->directory, MARK, F_OK, 0) == 0;
}

int feed_store_unmark(const struct feed_store *store)
{
	if (unlinkat(store->directory, MARK, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return directory_sync(store->directory);
}

/* --- Records ------------------------------------------------------------------------------------- */

uint64_t feed_sum(struct text text)
{
	return hash_bytes(text.data, text.size, 0);
}

bool feed_record_is_of(const struct feed_record *record, struct text copy)
{
	return record->changed && record->size == copy.size && record->sum == feed_sum(copy);
}

static bool record_name(const char *name, char path[NAME_MAX + 1])
{
	return snprintf(path, NAME_MAX + 1, "%s.about", name) <= NAME_MAX;
}

static const char *string_of(struct arena *arena, struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
		return "";
	const char *text = json_object_get_string(value);
	/* control characters are none of ours */
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			return "";
	return arena_copy(arena, text, strlen(text));
}

static int64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_int))
		return 0;
	int64_t number = json_object_get_int64(value);
	return number > 0 ? number : 0;
}

static int take_record(struct arena *arena, struct json_object *object, struct feed_record *record)
{
	const char *sum = string_of(arena, object, "sum");
	struct feed_record fresh = {.asked = string_of(arena, object, "asked"),
				    .url = string_of(arena, object, "url"),
				    .etag = string_of(arena, object, "etag"),
				    .modified = string_of(arena, object, "modified"),
				    .size = (uint64_t)number_of(object, "size"),
				    .members = (uint64_t)number_of(object, "members"),
				    .tried = number_of(object, "tried"),
				    .fetched = number_of(object, "fetched"),
				    .changed = number_of(object, "changed"),
				    .error = string_of(arena, object, "error")};

	if (!sum || !fresh.asked || !fresh.url || !fresh.etag || !fresh.modified || !fresh.error)
		return -ENOMEM;
	fresh.sum = strtoull(sum, NULL, 16);
	*record = fresh;
	return 0;
}

int feed_record_read(struct arena *arena, const struct feed_store *store, const char *name,
		     struct feed_record *record)
{
	char path[NAME_MAX + 1];
	struct text text;

	*record = FEED_RECORD_NONE;
	if (!record_name(name, path))
		return -ENAMETOOLONG;
	int error = file_read(arena, store->directory, path, RECORD_SIZE_MAX, &text);
	if (error)
		return error == -ENOENT || error == -EFBIG || error == -EINVAL ? 0 : error;
	/* file_read() puts a NUL behind it; one within ends it */
	struct json_object *object = json_tokener_parse(text.data);
	if (json_object_is_type(object, json_type_object))
		error = take_record(arena, object, record);
	json_object_put(object);
	return error;
}

int feed_record_write(const struct feed_store *store, const char *name, const struct feed_record *record)
{
	char path[NAME_MAX + 1], sum[17];
	struct json_object *object = json_object_new_object();

	if (!record_name(name, path)) {
		json_object_put(object);
		return -ENAMETOOLONG;
	}
	snprintf(sum, sizeof(sum), "%016" PRIx64, record->sum);
	json_object_object_add(object, "asked", json_object_new_string(record->asked));
	json_object_object_add(object, "url", json_object_new_string(record->url));
	json_object_object_add(object, "etag", json_object_new_string(record->etag));
	json_object_object_add(object, "modified", json_object_new_string(record->modified));
	json_object_object_add(object, "size", json_object_new_int64((int64_t)record->size));
	json_object_object_add(object, "sum", json_object_new_string(sum));
	json_object_object_add(object, "members", json_object_new_int64((int64_t)record->members));
	json_object_object_add(object, "tried", json_object_new_int64(record->tried));
	json_object_object_add(object, "fetched", json_object_new_int64(record->fetched));
	json_object_object_add(object, "changed", json_object_new_int64(record->changed));
	json_object_object_add(object, "error", json_object_new_string(record->error));
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY);
	int error = text ? file_replace(store->directory, path, text_of(text)) : -ENOMEM;
	json_object_put(object);
	return error;
}

/* --- Copies -------------------------------------------------------------------------------------- */

bool feed_copy_exists(const struct feed_store *store, const char *name)
{
	return faccessat(store->directory, name, F_OK, 0) == 0;
}

int feed_copy_read(struct arena *arena, const struct feed_store *store, const char *name, struct text *copy)
{
	return file_read(arena, store->directory, name, SOURCE_SIZE_MAX, copy);
}

int feed_copy_write(const struct feed_store *store, const char *name, struct text copy)
{
	return file_replace(store->directory, name, copy);
}

/* --- Those that are no longer of a policy
 * --------------------------------------------------------------------------- */

static bool is_one_of(const char *name, size_t size, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
			return true;
	return false;
}

static int prune_one(const struct feed_store *store, const char *name, int64_t since)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct feed_record record;
	char path[NAME_MAX + 1];
	int error = arena ? feed_record_read(arena, store, name, &record) : -ENOMEM;

	/* A record that says nothing is of nobody knows when. */
	if (error || !record.tried || record.tried >= since || !record_name(name, path))
		return error;
	if ((unlinkat(store->directory, name, 0) < 0 && errno != ENOENT) ||
	    unlinkat(store->directory, path, 0) < 0)
		return -errno;
	return 0;
}

int feed_store_prune(const struct feed_store *store, const char *const *names, size_t count, int64_t since)
{
	int copy = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!stream) {
		error = -errno;
		if (copy >= 0)
			close(copy);
		return error;
	}
	while (!error && (entry = readdir(stream))) {
		static const char suffix[] = ".about";
		size_t size = strlen(entry->d_name), tail = sizeof(suffix) - 1;
		if (entry->d_name[0] == '.' || size <= tail ||
		    strcmp(entry->d_name + size - tail, suffix) != 0 ||
		    is_one_of(entry->d_name, size - tail, names, count))
			continue;
		entry->d_name[size - tail] = '\0';
		error = prune_one(store, entry->d_name, since);
	}
	closedir(stream);
	return error;
}
