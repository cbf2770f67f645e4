/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/program_record.h"
#include "kernel/run_lock.h"
#include "kernel/state_file.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX (16u << 20) /* bytes */
#define NAME "program-"

static int open_directory(void)
{
	int directory = open(RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (directory < 0)
		return -errno;
	/* what others could write says nothing */
	if (fstat(directory, &status) < 0 || status.st_uid != geteuid() || (status.st_mode & 022)) {
		close(directory);
		return -EPERM;
	}
	return directory;
}

static void name_record(uint32_t id, char name[32])
{
	snprintf(name, 32, NAME "%" PRIu32, id);
}

/* The header, the local addresses and where the rules came from. */
static int print_record(const struct meta *meta, struct buffer *out)
{
	struct meta_header header = *meta->header;
	struct text sources = meta_text(meta, header.sources);
	uint64_t locals = header.locals.count * sizeof(*meta->locals);

	header.items = header.credits = (struct meta_section){sizeof(header), 0};
	header.locals.offset = sizeof(header);
	header.strings = (struct meta_section){sizeof(header) + locals, sources.size};
	header.sources = (struct meta_text){0, (uint32_t)sources.size};
	header.size = header.strings.offset + header.strings.count;
	if (header.size > RECORD_MAX)
		return -E2BIG;
	buffer_add(out, (const char *)&header, sizeof(header));
	buffer_add(out, (const char *)meta->locals, locals);
	buffer_add(out, sources.data, sources.size);
	return out->failed ? -ENOMEM : 0;
}

int program_record(uint32_t id, const struct meta *meta)
{
	struct buffer text = {0};
	int directory = open_directory(), error = directory < 0 ? directory : print_record(meta, &text);
	char name[32];

	name_record(id, name);
	if (!error)
		error = file_replace(directory, name, (struct text){text.data, text.size});
	buffer_fini(&text);
	if (directory >= 0)
		close(directory);
	return error;
}

int program_recall(uint32_t id, void **data, size_t *size)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	int directory = open_directory(), error = directory < 0 ? directory : 0;
	struct text text = {0};
	char name[32];

	name_record(id, name);
	if (!error)
		error = arena ? file_read(arena, directory, name, RECORD_MAX, &text) : -ENOMEM;
	if (directory >= 0)
		close(directory);
	if (error)
		return error;
	*data = malloc(text.size ? text.size : 1);
	if (!*data)
		return -ENOMEM;
	memcpy(*data, text.data, text.size);
	*size = text.size;
	return 0;
}

static bool is_gone(uint32_t id)
{
	int program = bpf_prog_get_fd_by_id(id);

	if (program >= 0)
		close(program);
	return program == -ENOENT;
}

void program_forget(uint32_t id)
{
	int directory = open_directory();
	const struct dirent *entry;
	char name[32];
	DIR *stream;

	if (directory < 0)
		return;
	name_record(id, name);
	unlinkat(directory, name, 0);
	stream = fdopendir(directory);
	if (!stream) {
		close(directory);
		return;
	}
	while ((entry = readdir(stream))) {
		uint64_t other;
		if (strncmp(entry->d_name, NAME, strlen(NAME)) == 0 &&
		    !number_parse(text_of(entry->d_name + strlen(NAME)), UINT32_MAX, &other) &&
		    is_gone((uint32_t)other))
			unlinkat(dirfd(stream), entry->d_name, 0);
	}
	closedir(stream);
}
