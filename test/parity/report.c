/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 3

static void keep(const char *kind, uint64_t seed, const struct buffer *text)
{
	char path[64];
	FILE *file;

	if (!text->size)
		return;
	snprintf(path, sizeof(path), "parity-%016" PRIx64 ".%s", seed, kind);
	file = fopen(path, "w");
	if (!file) {
		printf("# %s cannot be written\n", path);
		return;
	}
	fwrite(text->data, 1, text->size, file);
	fclose(file);
	printf("#   %s\n", path);
}

static void show(const struct report_place *place)
{
	printf("#   seed 0x%016" PRIx64 "\n", place->seed);
	if (place->packet) {
		struct buffer line __attribute__((cleanup(buffer_fini))) = {0};

		packet_print(place->packet, &line);
		printf("#   packet %s\n", line.data ? line.data : "");
	}
	if (place->frame) {
		printf("#   frame ");
		for (unsigned i = 0; i < place->frame->size; i++)
			printf("%02x", place->frame->data[i]);
		printf("\n");
	}
	if (place->text) {
		keep("rules", place->seed, &place->text->tables);
		keep("ipset", place->seed, &place->text->sets);
	}
}

bool report(struct property *property, const struct report_place *place, bool right, const char *format, ...)
{
	property->compared++;
	if (right)
		return true;
	if (property->wrong++ < SHOWN_MAX) {
		va_list arguments;

		printf("# %s: ", property->name);
		va_start(arguments, format);
		vprintf(format, arguments);
		va_end(arguments);
		printf("\n");
		show(place);
		fflush(stdout);
	}
	return false;
}

int report_finish(const struct property *properties, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count; i++) {
		bool good = properties[i].compared && !properties[i].wrong;

		printf("# %s: %" PRIu64 " compared, %" PRIu64 " wrong\n", properties[i].name,
		       properties[i].compared, properties[i].wrong);
		printf("%sok %zu - %s\n", good ? "" : "not ", i + 1, properties[i].name);
		status |= !good;
	}
	printf("1..%zu\n", count);
	return status;
}
