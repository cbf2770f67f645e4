/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What list_file.c and list_json.c share. Nobody else includes it. */
#ifndef WEIR_READ_POLICY_LIST_H
#define WEIR_READ_POLICY_LIST_H

#include "read/policy/parse.h"

struct json_tokener;

struct list_reader {
	struct arena *arena;
	struct diagnostics *sink;
	struct span line; /* that is read */
	uint16_t number;
	enum policy_set_type type;
	enum policy_format format;
	uint64_t now;
	struct policy_list_result *result;
	bool reserved[FAMILY_COUNT];
	bool full;
	size_t wrong; /* lines */
	struct json_tokener *tokener;
};
void list_reader_fini(struct list_reader *reader);

/* An error at a place of the line. -EINVAL. */
__attribute__((format(printf, 4, 5))) int list_wrong(struct list_reader *reader, struct span span,
						     const char *code, const char *format, ...);
int list_addresses(struct list_reader *reader, struct text text, struct span span, enum family *family,
		   struct policy_element *element);
int list_comment(struct list_reader *reader, struct text text, const char **comment);
int list_file_add(struct list_reader *reader, enum family family, const struct policy_element *element);
/* list_json.c */
int list_read_json(struct list_reader *reader, struct text line);

#endif
