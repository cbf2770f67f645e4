/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of iproute2's files: a number and a name in each line (libxtables, xtables_lmap_init()). */
#include "extension/named_number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line whose name is `name` (if it is not empty), or else whose number is *number. 1 and both, 0.
 */
static bool look_up(const char *path, struct text *name, uint64_t *number, struct arena *arena)
{
	FILE *file = fopen(path, "re");
	char line[512], found[256];
	bool is_found = false;
	int id;

	while (file && !is_found && fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || sscanf(line, "%i %255s", &id, found) != 2 || id < 0)
			continue;
		is_found = name->size ? text_is(*name, found) : (uint64_t)id == *number;
	}
	if (file)
		fclose(file);
	if (!is_found)
		return false;
	char *copy = arena_copy(arena, found, strlen(found));
	if (copy)
		*name = text_of(copy);
	*number = (uint64_t)id;
	return copy != NULL;
}

int named_number_parse(struct rule_parser *parser, const struct word *word, const char *path,
		       struct guided_value *value)
{
	struct text text = word->text, number = text, mask = {0}, name = {0};
	const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
	const char *printed;

	value->second = UINT32_MAX;
	if (slash) {
		number.size = (size_t)(slash - text.data);
		mask = (struct text){slash + 1, text.size - number.size - 1};
	}
	if (guided_number(number, UINT32_MAX, &value->number)) {
		name = text;
		if (!text.size || !look_up(path, &name, &value->number, parser->ruleset->arena)) {
			diagnostic_hint(parser_error(parser, word, "bad-value",
						     "\"%.*s\" is no value for %.*s", (int)text.size,
						     text.data, (int)parser->option->text.size,
						     parser->option->text.data),
					"a number, NUMBER/MASK, or a name of %s", path);
			return -EINVAL;
		}
	} else if (slash && guided_number(mask, UINT32_MAX, &value->second)) {
		return guided_refuse(parser, word, "a number for the mask, too");
	}
	if (value->second == UINT32_MAX && look_up(path, &name, &value->number, parser->ruleset->arena)) {
		value->text = name;
		return 0;
	}
	printed = value->second == UINT32_MAX
		      ? arena_printf(parser->ruleset->arena, "0x%x", (unsigned)value->number)
		      : arena_printf(parser->ruleset->arena, "0x%x/0x%x", (unsigned)value->number,
				     (unsigned)value->second);
	if (!printed)
		return -ENOMEM;
	value->text = text_of(printed);
	return 0;
}
