/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `ipset save` prints, and what `ipset restore` takes of the same kind: create, add, del, flush. */
#include "read/ipset.h"
#include "read/names.h"
#include "ruleset/name_index.h"

#include <errno.h>
#include <stdarg.h>

struct diagnostic *ipset_error(struct ipset_reader *reader, struct span span, const char *code,
			       const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	struct buffer message = {0};
	buffer_vprintf(&message, format, arguments);
	va_end(arguments);
	struct diagnostic *diagnostic = diagnostic_add(reader->sink, SEVERITY_ERROR, code, span, "%s",
						       message.data ? message.data : "out of memory");
	buffer_fini(&message);
	return diagnostic;
}

/* NULL after a diagnostic. */
static struct builder *builder_get(struct ipset_reader *reader, const struct word *word)
{
	if (reader->last && text_equal(reader->last->set->name, word->text))
		return reader->last;
	struct builder *builder = name_index_find(reader->builders, word->text);
	if (builder)
		return reader->last = builder;
	diagnostic_hint(ipset_error(reader, word->span, "unknown-set", "set %.*s was not created",
				    (int)word->text.size, word->text.data),
			"a line \"create %.*s TYPE\" must come first", (int)word->text.size, word->text.data);
	return NULL;
}

enum add_option { ADD_TIMEOUT, ADD_COMMENT, ADD_COUNTER, ADD_SKB, ADD_NOMATCH, ADD_WILDCARD, ADD_POSITION };

static const struct {
	const char *name;
	enum add_option option;
} add_options[] = {
    {"timeout", ADD_TIMEOUT},   {"comment", ADD_COMMENT}, {"packets", ADD_COUNTER}, {"bytes", ADD_COUNTER},
    {"skbmark", ADD_SKB},       {"skbprio", ADD_SKB},     {"skbqueue", ADD_SKB},    {"nomatch", ADD_NOMATCH},
    {"wildcard", ADD_WILDCARD}, {"before", ADD_POSITION}, {"after", ADD_POSITION},
};
#define ADD_OPTION_COUNT (sizeof(add_options) / sizeof(add_options[0]))

static int needs_create_option(struct ipset_reader *reader, const struct set *set, const struct word *word,
			       const char *create_option)
{
	struct diagnostic *error = ipset_error(
	    reader, word->span, "unknown-option", "%.*s cannot be used: set %.*s was created without %s",
	    (int)word->text.size, word->text.data, (int)set->name.size, set->name.data, create_option);
	diagnostic_label(error, set->span, "created here");
	diagnostic_hint(error, "create it with %s", create_option);
	return -EINVAL;
}

static int add_option_read(struct ipset_reader *reader, const struct set *set, enum add_option option,
			   const struct word *name, const struct word *value, struct set_member *member)
{
	uint64_t number;
	int result = 0;
	switch (option) {
	case ADD_TIMEOUT:
		if (!set->has_timeout)
			return needs_create_option(reader, set, name, "timeout");
		result = ipset_number(reader, value, "timeout", 0, SET_TIMEOUT_MAX, &number);
		if (result == 0) {
			member->timeout = (uint32_t)number;
			member->timed = number != 0;
		}
		return result;
	case ADD_COMMENT:
		return set->comment ? 0 : needs_create_option(reader, set, name, "comment");
	case ADD_COUNTER:
		if (!set->counters)
			return needs_create_option(reader, set, name, "counters");
		return ipset_number(reader, value, "counter", 0, UINT64_MAX, &number);
	case ADD_SKB:
		return set->skbinfo ? 0 : needs_create_option(reader, set, name, "skbinfo");
	case ADD_NOMATCH:
		member->nomatch = true;
		if (set->type == SET_HASH_NET || set->type == SET_OPAQUE)
			return 0;
		break;
	case ADD_WILDCARD:
	case ADD_POSITION:
		if (set->type == SET_OPAQUE)
			return 0;
		break;
	}
	diagnostic_hint(ipset_error(reader, name->span, "unknown-option", "members of %.*s have no %.*s",
				    (int)set->type_name.size, set->type_name.data, (int)name->text.size,
				    name->text.data),
			"nomatch is for networks");
	return -EINVAL;
}

static int add_options_read(struct ipset_reader *reader, const struct set *set, const struct word *words,
			    size_t count, struct set_member *member)
{
	for (size_t i = 0; i < count; i++) {
		const struct word *name = &words[i];
		const char *names[ADD_OPTION_COUNT];
		size_t at = 0;
		for (size_t j = 0; j < ADD_OPTION_COUNT; j++)
			names[j] = add_options[j].name;
		while (at < ADD_OPTION_COUNT && !text_is(name->text, names[at]))
			at++;
		if (at == ADD_OPTION_COUNT) {
			struct diagnostic *error =
			    ipset_error(reader, name->span, "unknown-option", "add has no option `%.*s'",
					(int)name->text.size, name->text.data);
			const char *nearest =
			    error ? nearest_name(name->text, names, ADD_OPTION_COUNT) : NULL;
			if (nearest)
				diagnostic_hint(error, "did you mean %s?", nearest);
			else
				diagnostic_hint(error, "ipset help %.*s lists them", (int)set->type_name.size,
						set->type_name.data);
			return -EINVAL;
		}
		enum add_option option = add_options[at].option;
		const struct word *value = NULL;
		if (option != ADD_NOMATCH && option != ADD_WILDCARD) {
			if (++i == count) {
				diagnostic_hint(ipset_error(reader, name->span, "missing-argument",
							    "%.*s needs an argument", (int)name->text.size,
							    name->text.data),
						"the line ends here");
				return -EINVAL;
			}
			value = &words[i];
		}
		int result = add_option_read(reader, set, option, name, value, member);
		if (result < 0)
			return result;
	}
	return 0;
}

static int read_add(struct ipset_reader *reader, const struct word *words, size_t count, bool removal)
{
	if (count < 2) {
		diagnostic_hint(
		    ipset_error(reader, words[-1].span, "missing-argument", "a set and a member must follow"),
		    "%s NAME MEMBER", removal ? "del" : "add");
		return -EINVAL;
	}
	struct builder *builder = builder_get(reader, &words[0]);
	if (!builder)
		return -EINVAL;
	struct set *set = builder->set;
	struct set_member member = {.timed = set->has_timeout && set->timeout,
				    .timeout = set->timeout,
				    .begin = words[-1].span.begin,
				    .end = words[count - 1].span.end};
	struct entry entry;
	int result = add_options_read(reader, set, words + 2, count - 2, &member);
	if (result < 0 || set->type == SET_OPAQUE)
		return result;
	result = ipset_entry(reader, set, &words[1], &entry);
	if (result < 0)
		return result;
	return removal ? builder_remove(reader, builder, &entry, &words[1])
		       : builder_add(reader, builder, &entry, &member, &words[1]);
}

static int read_flush(struct ipset_reader *reader, const struct word *words, size_t count)
{
	if (count == 0) {
		for (size_t i = 0; i < reader->touched_count; i++) {
			builder_flush(reader->touched[i]);
			reader->touched[i]->touched = false;
		}
		reader->touched_count = 0;
		return 0;
	}
	struct builder *builder = builder_get(reader, &words[0]);
	if (!builder)
		return -EINVAL;
	builder_flush(builder);
	return 0;
}

/* Takes -exist and -! out of the words. */
static size_t take_exist(struct word *words, size_t count, bool *exist)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (word_is_bare(&words[i]) &&
		    (text_is(words[i].text, "-exist") || text_is(words[i].text, "-!")))
			*exist = true;
		else
			words[kept++] = words[i];
	}
	return kept;
}

static bool is_command(struct text text, const char *name, const char *option, const char *letter)
{
	return text_is(text, name) ||
	       (text_starts(text, "--") && text_is((struct text){text.data + 2, text.size - 2}, name)) ||
	       text_is(text, option) || text_is(text, letter);
}

static int read_line(struct ipset_reader *reader, struct span line)
{
	struct text text = span_text(line);
	if (text.size == 0 || text.data[0] == '#' || text_is(text, "COMMIT"))
		return 0;
	int result = words_split(reader->scratch, reader->sink, line, QUOTING_IPSET, &reader->words);
	if (result < 0)
		return result;
	bool exist = false;
	struct word *words = reader->words.words;
	size_t count = take_exist(words, reader->words.count, &exist);
	if (count == 0)
		return 0;
	struct text command = words[0].text;
	if (is_command(command, "add", "-A", "a"))
		return read_add(reader, words + 1, count - 1, false);
	if (is_command(command, "create", "-N", "n"))
		return ipset_create(reader, words + 1, count - 1, exist);
	if (is_command(command, "del", "-D", "d"))
		return read_add(reader, words + 1, count - 1, true);
	if (is_command(command, "flush", "-F", "f"))
		return read_flush(reader, words + 1, count - 1);
	diagnostic_hint(ipset_error(reader, words[0].span, "unsupported-command",
				    "`%.*s' is not what ipset save prints", (int)command.size, command.data),
			"load the file with ipset restore, and give weir what ipset save prints then");
	return -EINVAL;
}

int ipset_save_read(struct ruleset *ruleset, struct diagnostics *sink, const struct source *source)
{
	struct ipset_reader reader = {.ruleset = ruleset, .sink = sink, .source = source};
	reader.scratch = arena_new();
	if (!reader.scratch)
		return -ENOMEM;
	struct line_reader lines = {.source = source};
	int result = 0;
	while (result == 0 && line_reader_next(&lines)) {
		result = read_line(&reader, lines.line);
		if (result == -EINVAL)
			result = 0;
	}
	for (size_t i = 0; i < ruleset->set_count; i++) {
		struct builder *builder = name_index_find(reader.builders, ruleset->sets[i]->name);
		if (builder)
			builder_finish(builder);
	}
	words_fini(&reader.words);
	arena_free(reader.scratch);
	return result;
}
