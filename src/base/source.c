/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, struct buffer *content)
{
	char *chunk = malloc(1u << 18);
	if (!chunk)
		return -ENOMEM;
	int result = 0;
	for (;;) {
		ssize_t got = read(fd, chunk, 1u << 18);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			result = -errno;
		if (got <= 0)
			break;
		buffer_add(content, chunk, (size_t)got);
		if (content->failed)
			result = -ENOMEM;
		else if (content->size > SOURCE_SIZE_MAX)
			result = -EFBIG;
		if (result)
			break;
	}
	free(chunk);
	return result;
}

int source_read(struct arena *arena, const char *path, struct source **source)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	struct stat status;
	struct buffer content = {0};
	int result = 0;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		result = -EISDIR;
	else
		result = read_all(fd, &content);
	if (!standard_input)
		close(fd);
	if (result == 0) {
		const char *name = standard_input ? "(standard input)" : path;
		char *data = arena_copy(arena, content.data, content.size);
		char *kept = arena_copy(arena, name, strlen(name));
		struct source *fresh = data && kept ? source_new(arena, kept, data, content.size) : NULL;
		if (fresh)
			*source = fresh;
		else
			result = -ENOMEM;
	}
	buffer_fini(&content);
	return result;
}

struct source *source_new(struct arena *arena, const char *name, const char *data, size_t size)
{
	if (size > SOURCE_SIZE_MAX)
		return NULL;
	struct source *source = arena_alloc(arena, sizeof(*source));
	if (source)
		*source = (struct source){.name = name, .data = data, .size = (uint32_t)size};
	return source;
}

struct source_position source_locate(const struct source *source, uint32_t offset)
{
	if (offset > source->size)
		offset = source->size;
	uint32_t line = 1, start = 0;
	for (uint32_t i = 0; i < offset; i++)
		if (source->data[i] == '\n') {
			line++;
			start = i + 1;
		}
	uint32_t end = start;
	while (end < source->size && source->data[end] != '\n')
		end++;
	if (end > start && source->data[end - 1] == '\r')
		end--;
	return (struct source_position){line, offset - start + 1, {source->data + start, end - start}};
}

uint32_t source_line(struct source_cursor *cursor, struct span span)
{
	if (!span.source)
		return 0;
	if (cursor->source != span.source || cursor->offset > span.begin)
		*cursor = (struct source_cursor){.source = span.source, .line = 1};
	const char *at = span.source->data + cursor->offset, *end = span.source->data + span.begin;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		cursor->line++;
		at++;
	}
	cursor->offset = span.begin;
	return cursor->line;
}
