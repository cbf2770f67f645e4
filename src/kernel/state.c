/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * States: a directory each, with a manifest that has the sizes and checksums of its files, and one of its own
 * as its last line. The checksums tell what was damaged by chance; whoever may write there needs no forgery.
 */
#include "kernel/hash.h"
#include "kernel/state_file.h"
#include "kernel/state_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest"
#define MANIFEST_MAX 65536
#define FILE_MAX (1u << 30)
#define NEW ".new" /* a state that is being written */

struct entry {
	char name[64];
	uint64_t size, sum;
};

struct manifest {
	struct state state;
	size_t count;
	struct entry entries[STATE_FILES_MAX];
};

static int open_states(const struct state_store *store)
{
	return directory_open(store->directory, "states");
}

static void number_name(uint32_t number, char name[16])
{
	snprintf(name, 16, "%" PRIu32, number);
}

/* --- Writing */

static void print_manifest(const struct state *state, const struct state_file *files, size_t count,
			   struct buffer *out)
{
	buffer_printf(out, "weir-state 1\nnumber %" PRIu32 "\nprevious %" PRIu32 "\ntime %" PRId64 "\n",
		      state->number, state->previous, state->time);
	for (size_t i = 0; i < count; i++)
		buffer_printf(out, "file %s %zu %016" PRIx64 "\n", files[i].name, files[i].text.size,
			      hash_bytes(files[i].text.data, files[i].text.size, 0));
	buffer_puts(out, "rules ");
	for (const char *c = state->rules; *c; c++)
		buffer_printf(out, "%c", (unsigned char)*c < ' ' ? '?' : *c);
	buffer_puts(out, "\n");
	if (out->data)
		buffer_printf(out, "sum %016" PRIx64 "\n", hash_bytes(out->data, out->size, 0));
}

static int write_files(int directory, const struct state *state, const struct state_file *files, size_t count)
{
	struct buffer manifest = {0};
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = file_write_new(directory, files[i].name, files[i].text);
	print_manifest(state, files, count, &manifest);
	if (!error)
		error = manifest.failed ? -ENOMEM
					: file_write_new(directory, MANIFEST,
							 (struct text){manifest.data, manifest.size});
	buffer_fini(&manifest);
	return error ? error : directory_sync(directory);
}

int state_put(struct state_store *store, const struct state *state, const struct state_file *files,
	      size_t count, struct buffer *why)
{
	int states = open_states(store), directory = -1, error = states < 0 ? states : 0;
	char name[16];

	number_name(state->number, name);
	if (!error && count > STATE_FILES_MAX)
		error = -E2BIG;
	if (!error) {
		directory_remove(states, NEW); /* of one that was killed */
		if (mkdirat(states, NEW, 0700) < 0)
			error = -errno;
	}
	if (!error)
		directory = directory_open(states, NEW);
	if (!error && directory < 0)
		error = directory;
	if (!error)
		error = write_files(directory, state, files, count);
	if (!error && renameat(states, NEW, states, name) < 0)
		error = -errno;
	if (!error) {
		error = directory_sync(states);
		if (error) /* what is said to have failed is not to be there */
			directory_remove(states, name);
	}
	if (directory >= 0)
		close(directory);
	if (error) {
		buffer_printf(why, "cannot write a state to %s: %s", store->path, strerror(-error));
		if (states >= 0)
			directory_remove(states, NEW);
	}
	if (states >= 0)
		close(states);
	return error;
}

/* --- Reading */

static bool take_line(struct text *rest, struct text *line)
{
	const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;

	if (!end)
		return false;
	*line = (struct text){rest->data, (size_t)(end - rest->data)};
	*rest = (struct text){end + 1, rest->size - line->size - 1};
	return true;
}

static int parse_line(struct arena *arena, struct text line, struct manifest *manifest)
{
	char *copy = arena_copy(arena, line.data, line.size);
	struct entry *entry = &manifest->entries[manifest->count];

	if (!copy)
		return -ENOMEM;
	if (sscanf(copy, "number %" SCNu32, &manifest->state.number) == 1 ||
	    sscanf(copy, "previous %" SCNu32, &manifest->state.previous) == 1 ||
	    sscanf(copy, "time %" SCNd64, &manifest->state.time) == 1)
		return 0;
	if (strncmp(copy, "rules ", 6) == 0) {
		manifest->state.rules = copy + 6;
		return 0;
	}
	if (manifest->count < STATE_FILES_MAX &&
	    sscanf(copy, "file %63s %" SCNu64 " %" SCNx64, entry->name, &entry->size, &entry->sum) == 3) {
		manifest->count++;
		return 0;
	}
	return -EBADMSG;
}

static int parse_manifest(struct arena *arena, struct text text, struct manifest *manifest)
{
	struct text rest = text, line;
	uint64_t sum;
	char *copy;

	if (!take_line(&rest, &line) || !text_is(line, "weir-state 1"))
		return -EBADMSG;
	while (take_line(&rest, &line)) {
		if (rest.size == 0) {
			copy = arena_copy(arena, line.data, line.size);
			if (!copy)
				return -ENOMEM;
			return sscanf(copy, "sum %" SCNx64, &sum) == 1 && manifest->state.rules &&
				       sum == hash_bytes(text.data, (size_t)(line.data - text.data), 0)
				   ? 0
				   : -EBADMSG;
		}
		int error = parse_line(arena, line, manifest);
		if (error)
			return error;
	}
	return -EBADMSG;
}

static int read_manifest(struct state_store *store, struct arena *arena, uint32_t number, int *directory,
			 struct manifest *manifest)
{
	int states = open_states(store), error;
	struct text text = {0};
	char name[16];

	if (states < 0)
		return states;
	number_name(number, name);
	*directory = directory_open(states, name);
	close(states);
	if (*directory < 0)
		return *directory;
	*manifest = (struct manifest){0};
	error = file_read(arena, *directory, MANIFEST, MANIFEST_MAX, &text);
	if (error == -ENOENT)
		error = -EBADMSG;
	if (!error)
		error = parse_manifest(arena, text, manifest);
	if (!error && manifest->state.number != number)
		error = -EBADMSG;
	if (error) {
		close(*directory);
		*directory = -1;
	}
	return error;
}

static int say(const struct state_store *store, uint32_t number, const char *file, int error,
	       struct buffer *why)
{
	if (error == -ENOENT)
		buffer_printf(why, "there is no state %" PRIu32 " in %s", number, store->path);
	else
		buffer_printf(why, "%s/states/%" PRIu32 "%s%s: %s", store->path, number, file ? "/" : "",
			      file ? file : "", error == -EBADMSG ? "damaged" : strerror(-error));
	return error;
}

int state_get(struct state_store *store, struct arena *arena, uint32_t number, struct state *state,
	      struct buffer *why)
{
	struct manifest manifest;
	int directory, error = read_manifest(store, arena, number, &directory, &manifest);

	if (error)
		return say(store, number, NULL, error, why);
	close(directory);
	*state = manifest.state;
	return 0;
}

int state_read(struct state_store *store, struct arena *arena, uint32_t number, const char *name,
	       struct text *text, struct buffer *why)
{
	struct manifest manifest;
	int directory, error = read_manifest(store, arena, number, &directory, &manifest);
	struct text read = {0};

	if (error)
		return say(store, number, NULL, error, why);
	error = -ENOENT;
	for (size_t i = 0; i < manifest.count; i++) {
		if (strcmp(manifest.entries[i].name, name) != 0)
			continue;
		error = file_read(arena, directory, name, FILE_MAX, &read);
		if (error == -ENOENT ||
		    (!error && (read.size != manifest.entries[i].size ||
				hash_bytes(read.data, read.size, 0) != manifest.entries[i].sum)))
			error = -EBADMSG;
		if (error)
			say(store, number, name, error, why);
	}
	close(directory);
	if (!error)
		*text = read;
	return error;
}

/* --- All of them */

static int compare_numbers(const void *a, const void *b)
{
	const struct state *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

/* Every directory that is named like one, damaged or not. */
static int list_numbers(struct state_store *store, struct arena *arena, struct state **found, size_t *count)
{
	int states = open_states(store);
	size_t capacity = 0;
	struct dirent *entry;
	struct state *state;
	DIR *stream;

	*count = 0;
	*found = NULL;
	if (states == -ENOENT)
		return 0;
	if (states < 0)
		return states;
	stream = fdopendir(states);
	if (!stream) {
		close(states);
		return -errno;
	}
	while ((entry = readdir(stream))) {
		uint64_t number;
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    number_parse(text_of(entry->d_name), UINT32_MAX, &number))
			continue;
		state = arena_push(arena, (void **)found, count, &capacity, sizeof(*state));
		if (!state) {
			closedir(stream);
			return -ENOMEM;
		}
		state->number = (uint32_t)number;
	}
	closedir(stream);
	if (*count)
		qsort(*found, *count, sizeof(**found), compare_numbers);
	return 0;
}

int state_list(struct state_store *store, struct arena *arena, struct state **states, size_t *count,
	       size_t *damaged)
{
	struct buffer why = {0};
	size_t kept = 0;
	int error = list_numbers(store, arena, states, count);

	*damaged = 0;
	for (size_t i = 0; i < *count && !error; i++) {
		struct state state;
		if (state_get(store, arena, (*states)[i].number, &state, &why))
			++*damaged;
		else
			(*states)[kept++] = state;
	}
	*count = kept;
	buffer_fini(&why);
	return error;
}

uint32_t state_next(struct state_store *store)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct buffer why = {0};
	struct state *states;
	uint32_t current = 0;
	size_t count;

	state_current(store, &current, &why);
	buffer_fini(&why);
	if (arena && !list_numbers(store, arena, &states, &count) && count &&
	    states[count - 1].number > current)
		current = states[count - 1].number;
	return current + 1;
}

void state_remove(struct state_store *store, uint32_t number)
{
	static const char gone[] = ".old";
	int states = open_states(store);
	char name[16];

	if (states < 0)
		return;
	number_name(number, name);
	/* Under another name first, so that a kill in between leaves no half of it. */
	directory_remove(states, gone);
	if (renameat(states, name, states, gone) == 0)
		directory_remove(states, gone);
	close(states);
}

int state_prune(struct state_store *store, uint32_t keep, uint32_t keep_too)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct state *states;
	size_t count;
	int error = arena ? list_numbers(store, arena, &states, &count) : -ENOMEM;

	for (size_t i = 0; !error && i + STATE_KEPT < count; i++)
		if (states[i].number != keep && states[i].number != keep_too)
			state_remove(store, states[i].number);
	return error;
}
