/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int text_file(const struct buffer *text, char path[32])
{
	int fd = memfd_create("weir-parity", 0);

	if (fd < 0)
		return -1;
	for (size_t done = 0; done < text->size;) {
		ssize_t size = write(fd, text->data + done, text->size - done);

		if (size <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)size;
	}
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static struct ruleset *load(const struct buffer *tables, const struct buffer *sets, struct buffer *why)
{
	char paths[2][32];
	const char *list[2] = {paths[0], paths[1]};
	size_t count = sets->size ? 2 : 1;
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int rules = text_file(tables, paths[0]), members = sets->size ? text_file(sets, paths[1]) : -1, error;

	if (!sink || rules < 0 || (sets->size && members < 0)) {
		buffer_puts(why, "no memory file");
		return NULL;
	}
	error = rules_load(list, count, sink, &ruleset);
	if (error) {
		buffer_printf(why, "rules_load: %s\n", strerror(-error));
		diagnostics_print(sink, why);
		ruleset = NULL;
	}
	close(rules);
	if (members >= 0)
		close(members);
	return ruleset;
}

struct ruleset *fixture_load(const struct drawn_rules *text, struct buffer *why)
{
	return load(&text->tables, &text->sets, why);
}

struct ruleset *fixture_load_saved(const struct buffer *saved, const struct drawn_rules *text,
				   struct buffer *why)
{
	return load(saved, &text->sets, why);
}
