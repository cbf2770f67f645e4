/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The files that a policy names. A name is relative to the file where it stands. Only regular files are read:
 * a named pipe would hang an apply at boot. */
#include "read/policy/parse.h"

#include <errno.h>
#include <sys/stat.h>

int policy_read_regular(struct arena *arena, const char *path, struct source **source)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	return source_read(arena, path, source);
}

int policy_read_file(struct policy_reader *reader, const char *path, struct source **source)
{
	const struct policy_options *options = reader->options;

	return options->read ? options->read(options->context, reader->arena, path, source)
			     : policy_read_regular(reader->arena, path, source);
}

static char *path_beside(struct arena *arena, const char *beside, struct text name)
{
	const char *slash = strrchr(beside, '/');

	if (!slash || (name.size && name.data[0] == '/'))
		return arena_copy(arena, name.data, name.size);
	return arena_printf(arena, "%.*s/%.*s", (int)(slash - beside), beside, (int)name.size, name.data);
}

int policy_add_source(struct policy_reader *reader, const struct source *source, uint16_t *number)
{
	struct policy_tree *tree = reader->tree;

	if (tree->source_count == POLICY_SOURCES_MAX)
		return -E2BIG;
	const struct source **slot = arena_push(reader->arena, (void **)&tree->sources, &tree->source_count,
						&tree->source_capacity, sizeof(struct source *));
	if (!slot)
		return -ENOMEM;
	*slot = source;
	*number = (uint16_t)(tree->source_count - 1);
	return 0;
}

int policy_open(struct policy_reader *reader, const struct policy_token *token, struct text name,
		const struct source **source, uint16_t *number)
{
	struct source *fresh = NULL;
	struct diagnostic *said;

	if (name.size == 0 || memchr(name.data, '\0', name.size))
		return policy_error(reader, token, "cannot-read", NULL, "this is no file's name");
	char *path = path_beside(reader->arena, reader->files[reader->depth - 1]->name, name);
	if (!path)
		return -ENOMEM;
	int result = policy_read_file(reader, path, &fresh);
	if (result == -ENOMEM)
		return result;
	if (result < 0) {
		policy_error(reader, token, "cannot-read", &said, "cannot read %s: %s", path,
			     result == -EINVAL ? "it is no regular file" : strerror(-result));
		if (result == -EFBIG)
			diagnostic_hint(said, "at most %u bytes are read", SOURCE_SIZE_MAX);
		return -EINVAL;
	}
	result = policy_add_source(reader, fresh, number);
	if (result == -E2BIG)
		return policy_error(reader, token, "too-many-files", NULL, "more than %d files are read",
				    POLICY_SOURCES_MAX);
	if (result == 0)
		*source = fresh;
	return result;
}
