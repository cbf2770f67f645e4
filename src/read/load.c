/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RULES... arguments: what each file is, and in which order they are read. */
#include "read/load.h"

#include "read/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum source_kind { KIND_EMPTY, KIND_IPTABLES, KIND_IPSET, KIND_UNKNOWN };

struct input {
	struct source *source;
	enum source_kind kind;
	enum family family; /* of KIND_IPTABLES */
};

struct inputs {
	struct input *inputs;
	size_t count, capacity;
};

static struct text first_word(struct span line)
{
	uint32_t end = line.begin;
	while (end < line.end && line.source->data[end] != ' ' && line.source->data[end] != '\t')
		end++;
	return span_text((struct span){line.source, line.begin, end});
}

static bool is_ipset_command(struct text word)
{
	static const char *const commands[] = {"create", "new",    "add", "--create", "--add",
					       "flush",  "-exist", "-!",  "destroy",  "del",
					       "-N",     "-A",     "n",   "x",        "-X"};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (text_is(word, commands[i]))
			return true;
	return false;
}

/* By the first line that is not a comment. */
static enum source_kind source_kind(const struct source *source, struct span *where)
{
	struct line_reader lines = {.source = source};
	while (line_reader_next(&lines)) {
		struct text word = first_word(lines.line);
		if (word.size == 0 || word.data[0] == '#')
			continue;
		*where = lines.line;
		if (is_ipset_command(word))
			return KIND_IPSET;
		/* -N and -A are ipset's commands too, but then no table stands before them. */
		if (strchr("*:[-", word.data[0]) || text_is(word, "COMMIT"))
			return KIND_IPTABLES;
		return KIND_UNKNOWN;
	}
	return KIND_EMPTY;
}

static int inputs_add(struct inputs *list, struct arena *arena, struct source *source)
{
	struct input *input =
	    arena_push(arena, (void **)&list->inputs, &list->count, &list->capacity, sizeof(*input));
	if (!input)
		return -ENOMEM;
	input->source = source;
	return 0;
}

static int read_failed(struct diagnostics *sink, const char *path, int error)
{
	struct diagnostic *diagnostic = diagnostic_add(sink, SEVERITY_ERROR, "cannot-read", (struct span){0},
						       "cannot read %s: %s", path, strerror(-error));
	if (error == -EFBIG)
		diagnostic_hint(diagnostic, "at most %u bytes are read", SOURCE_SIZE_MAX);
	else
		diagnostic_hint(
		    diagnostic,
		    "RULES are files that iptables-save, ip6tables-save or ipset save wrote, or a "
		    "directory with rules.v4, rules.v6, ipsets");
	return error;
}

static int read_directory(struct inputs *list, struct arena *arena, const char *path,
			  struct diagnostics *sink)
{
	static const char *const files[] = {"rules.v4", "rules.v6", "ipsets"};
	size_t found = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool slash = *path && path[strlen(path) - 1] == '/';
		char *name = arena_printf(arena, "%s%s%s", path, slash ? "" : "/", files[i]);
		struct source *source;
		if (!name)
			return -ENOMEM;
		int result = source_read(arena, name, &source);
		if (result == -ENOENT)
			continue;
		if (result < 0)
			return result == -ENOMEM ? result : read_failed(sink, name, result);
		found++;
		result = inputs_add(list, arena, source);
		if (result < 0)
			return result;
	}
	return found ? 0 : read_failed(sink, path, -ENOENT);
}

static int read_path(struct inputs *list, struct arena *arena, const char *path, struct diagnostics *sink)
{
	struct stat status;
	if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return read_directory(list, arena, path, sink);
	struct source *source;
	int result = source_read(arena, path, &source);
	if (result < 0)
		return result == -ENOMEM ? result : read_failed(sink, path, result);
	return inputs_add(list, arena, source);
}

static void classify(struct input *input, struct diagnostics *sink)
{
	struct span where = {0};
	input->kind = source_kind(input->source, &where);
	if (input->kind == KIND_IPTABLES || input->kind == KIND_EMPTY) {
		if (!source_family(input->source, sink, &input->family))
			input->kind = KIND_UNKNOWN; /* one error says it all */
	} else if (input->kind == KIND_UNKNOWN)
		diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "unknown-format", where,
					       "this is neither iptables-save nor ipset save"),
				"iptables-save begins with a table such as *filter, ipset save with create");
}

static int read_inputs(struct inputs *list, struct ruleset *ruleset, struct diagnostics *sink)
{
	int result = 0;
	for (size_t i = 0; i < list->count && result == 0; i++)
		if (list->inputs[i].kind == KIND_IPSET)
			result = ipset_save_read(ruleset, sink, list->inputs[i].source);
	for (size_t i = 0; i < list->count && result == 0; i++)
		if (list->inputs[i].kind == KIND_IPTABLES || list->inputs[i].kind == KIND_EMPTY)
			result =
			    iptables_save_read(ruleset, sink, list->inputs[i].source, list->inputs[i].family);
	return result;
}

/* `result` of finding them; takes the fresh ruleset over. */
static int load_inputs(struct inputs *list, struct ruleset *fresh, int result, size_t errors,
		       struct diagnostics *sink, struct ruleset **ruleset)
{
	for (size_t i = 0; i < list->count && result == 0; i++)
		classify(&list->inputs[i], sink);
	if (result == 0)
		result = read_inputs(list, fresh, sink);
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0)
		*ruleset = fresh;
	else if (fresh)
		diagnostics_keep(sink, fresh->arena); /* with the sources that the messages show */
	return result;
}

int rules_load(const char *const *paths, size_t count, struct diagnostics *sink, struct ruleset **ruleset)
{
	struct ruleset *fresh = ruleset_new();
	struct inputs list = {0};
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && result == 0; i++)
		result = read_path(&list, fresh->arena, paths[i], sink);
	return load_inputs(&list, fresh, result, errors, sink, ruleset);
}

int rules_load_texts(const struct rules_text *texts, size_t count, struct diagnostics *sink,
		     struct ruleset **ruleset)
{
	struct ruleset *fresh = ruleset_new();
	struct inputs list = {0};
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && result == 0; i++) {
		if (texts[i].text.size > SOURCE_SIZE_MAX) {
			result = -EFBIG;
			break;
		}
		char *copy = arena_copy(fresh->arena, texts[i].text.data, texts[i].text.size);
		struct source *source =
		    copy ? source_new(fresh->arena, texts[i].name, copy, texts[i].text.size) : NULL;
		result = source ? inputs_add(&list, fresh->arena, source) : -ENOMEM;
	}
	return load_inputs(&list, fresh, result, errors, sink, ruleset);
}
