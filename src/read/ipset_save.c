/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `ipset save` prints and `ipset restore` takes, line by line: ipset 7.17, lib/ipset.c
 * (ipset_parse_stream(), build_argv()). What stands in the sets at the end is what is read; commands that
 * only show something are passed over. */
#include "read/ipset.h"
#include "ruleset/name_index.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

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

int ipset_number(struct ipset_reader *reader, const struct word *word, const char *what, uint64_t min,
		 uint64_t max, uint64_t *number)
{
	if (number_parse(word->text, max, number) == 0 && *number >= min)
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "bad-number", "`%.*s' is not a %s",
				    (int)word->text.size, word->text.data, what),
			"a number from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
	return -EINVAL;
}

#define WORK_MAX (1u << 24) /* looks at a set */

bool ipset_charge(struct ipset_reader *reader, struct span span, size_t work)
{
	if (reader->work <= WORK_MAX && work <= WORK_MAX - reader->work) {
		reader->work += work;
		return true;
	}
	if (reader->work <= WORK_MAX) /* say it once */
		diagnostic_hint(
		    ipset_error(reader, span, "too-many-edits", "the file changes its own sets too often"),
		    "load it with ipset restore, and give weir what ipset save prints then");
	reader->work = WORK_MAX + 1;
	return false;
}

int ipset_no_more(struct ipset_reader *reader, const struct word *words, size_t have, size_t count)
{
	if (have <= count)
		return 0;
	diagnostic_hint(ipset_error(reader, words[count].span, "unknown-option", "nothing is to follow here"),
			"the command takes %zu argument%s", count, count == 1 ? "" : "s");
	return -EINVAL;
}

struct builder *ipset_find(struct ipset_reader *reader, const struct word *word)
{
	if (reader->last && text_equal(reader->last->set->name, word->text))
		return reader->last;
	const struct binding *binding = name_index_find(reader->names, word->text);
	if (binding && binding->builder)
		return reader->last = binding->builder;
	const struct set *other = ruleset_find_set(reader->ruleset, word->text);
	struct diagnostic *error =
	    ipset_error(reader, word->span, "unknown-set",
			other ? "set %.*s is in another file" : "set %.*s was not created",
			(int)word->text.size, word->text.data);
	if (other) {
		diagnostic_label(error, other->span, "created here");
		diagnostic_hint(error, "all lines about a set belong in one file");
	} else {
		diagnostic_hint(error, "a line \"create %.*s TYPE\" must come first", (int)word->text.size,
				word->text.data);
	}
	return NULL;
}

struct binding *ipset_binding(struct ipset_reader *reader, struct text name)
{
	struct binding *binding = name_index_find(reader->names, name);
	if (binding)
		return binding;
	binding = arena_alloc(reader->scratch, sizeof(*binding));
	if (!binding || name_index_add(reader->scratch, &reader->names, name, binding) < 0)
		return NULL;
	return binding;
}

/* --- Words
 * ------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int word_add(struct ipset_reader *reader, struct span line, struct word word)
{
	if (reader->word_count == IPSET_WORDS_MAX) {
		diagnostic_hint(ipset_error(reader, line, "too-many-words", "the line has too many words"),
				"ipset takes up to %d", IPSET_WORDS_MAX);
		return -EINVAL;
	}
	reader->words[reader->word_count++] = word;
	return 0;
}

/* A word with quotes somewhere in it: they keep blanks, and go away. An empty one is no word. */
static int quoted_word(struct ipset_reader *reader, struct span line, uint32_t *at, size_t *used)
{
	const char *data = line.source->data;
	uint32_t begin = *at, next = begin, quote = begin;
	char *text = reader->quoted + *used;
	size_t size = 0;
	bool quoted = false;
	for (; next < line.end && (quoted || !is_blank(data[next])); next++) {
		if (data[next] != '"') {
			text[size++] = data[next];
			continue;
		}
		quoted = !quoted;
		quote = next;
	}
	if (quoted) {
		diagnostic_hint(ipset_error(reader, (struct span){line.source, quote, line.end},
					    "unterminated-quote", "this quote does not end on its line"),
				"close it with \"");
		return -EINVAL;
	}
	*at = next;
	*used += size;
	return size ? word_add(reader, line, (struct word){{text, size}, {line.source, begin, next}}) : 0;
}

static int split(struct ipset_reader *reader, struct span line)
{
	const char *data = line.source->data;
	size_t used = 0;
	reader->word_count = 0;
	if (memchr(data + line.begin, '"', line.end - line.begin) &&
	    reader->quoted_size < line.end - line.begin) {
		char *grown = realloc(reader->quoted, line.end - line.begin);
		if (!grown)
			return -ENOMEM;
		reader->quoted = grown;
		reader->quoted_size = line.end - line.begin;
	}
	for (uint32_t at = line.begin; at < line.end;) {
		if (is_blank(data[at])) {
			at++;
			continue;
		}
		uint32_t end = at;
		while (end < line.end && !is_blank(data[end]) && data[end] != '"')
			end++;
		int result;
		if (end < line.end && data[end] == '"') {
			result = quoted_word(reader, line, &at, &used);
		} else {
			result = word_add(reader, line,
					  (struct word){{data + at, end - at}, {line.source, at, end}});
			at = end;
		}
		if (result < 0)
			return result;
	}
	return 0;
}

/* Takes out the options that ipset takes anywhere: -exist, and those that change nothing here. */
static size_t take_options(struct word *words, size_t count, bool *exist)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct text text = words[i].text;
		if (text_is(text, "-exist") || text_is(text, "-!") || text_is(text, "--exist"))
			*exist = true;
		else if (!text_is(text, "-q") && !text_is(text, "-quiet") && !text_is(text, "--quiet"))
			words[kept++] = words[i];
	}
	return kept;
}

/* --- Commands
 * ---------------------------------------------------------------------------------------------------- */

enum command {
	COMMAND_CREATE,
	COMMAND_ADD,
	COMMAND_DEL,
	COMMAND_TEST,
	COMMAND_DESTROY,
	COMMAND_LIST,
	COMMAND_SAVE,
	COMMAND_RESTORE,
	COMMAND_FLUSH,
	COMMAND_RENAME,
	COMMAND_SWAP,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_QUIT,
	COMMAND_COUNT,
};

/* A command may be cut short: the first that begins so is meant. */
static const struct {
	const char *name, *other, *option;
} commands[COMMAND_COUNT] = {
    [COMMAND_CREATE] = {"create", "new", "-N"},
    [COMMAND_ADD] = {"add", "add", "-A"},
    [COMMAND_DEL] = {"del", "del", "-D"},
    [COMMAND_TEST] = {"test", "test", "-T"},
    [COMMAND_DESTROY] = {"destroy", "x", "-X"},
    [COMMAND_LIST] = {"list", "list", "-L"},
    [COMMAND_SAVE] = {"save", "save", "-S"},
    [COMMAND_RESTORE] = {"restore", "restore", "-R"},
    [COMMAND_FLUSH] = {"flush", "flush", "-F"},
    [COMMAND_RENAME] = {"rename", "e", "-E"},
    [COMMAND_SWAP] = {"swap", "w", "-W"},
    [COMMAND_HELP] = {"help", "help", "-h"},
    [COMMAND_VERSION] = {"version", "version", "-v"},
    [COMMAND_QUIT] = {"quit", "quit", "quit"},
};

static bool shortens(struct text text, const char *name)
{
	return text.size > 0 && text.size <= strlen(name) && memcmp(text.data, name, text.size) == 0;
}

static enum command command_find(struct text text)
{
	if (text_is(text, "add"))
		return COMMAND_ADD;
	if (text_starts(text, "--"))
		text = (struct text){text.data + 2, text.size - 2};
	for (enum command i = 0; i < COMMAND_COUNT; i++)
		if (shortens(text, commands[i].name) || shortens(text, commands[i].other) ||
		    text_is(text, commands[i].option))
			return i;
	return COMMAND_COUNT;
}

static int read_line(struct ipset_reader *reader, struct span line)
{
	struct text text = span_text(line);
	if (text.size == 0 || text.data[0] == '#' || text_is(text, "COMMIT"))
		return 0;
	int result = split(reader, line);
	if (result < 0)
		return result;
	bool exist = false;
	struct word *words = reader->words;
	size_t count = take_options(words, reader->word_count, &exist);
	if (count == 0)
		return 0;
	switch (command_find(words[0].text)) {
	case COMMAND_ADD:
		return ipset_add(reader, IPSET_ADD, words + 1, count - 1, exist);
	case COMMAND_CREATE:
		return ipset_create(reader, words + 1, count - 1, exist);
	case COMMAND_DEL:
		return ipset_add(reader, IPSET_DEL, words + 1, count - 1, exist);
	case COMMAND_TEST:
		return ipset_add(reader, IPSET_TEST, words + 1, count - 1, exist);
	case COMMAND_FLUSH:
		return ipset_flush(reader, words + 1, count - 1);
	case COMMAND_DESTROY:
		return ipset_destroy(reader, words + 1, count - 1);
	case COMMAND_RENAME:
		return ipset_rename(reader, words + 1, count - 1);
	case COMMAND_SWAP:
		return ipset_swap(reader, words + 1, count - 1);
	case COMMAND_LIST:
	case COMMAND_SAVE:
		if (ipset_no_more(reader, words + 1, count - 1, 1) < 0)
			return -EINVAL;
		return count < 2 || ipset_find(reader, &words[1]) ? 0 : -EINVAL;
	default:
		break;
	}
	diagnostic_hint(
	    ipset_error(reader, words[0].span, "unsupported-command",
			"`%.*s' is not a command of ipset restore", (int)words[0].text.size,
			words[0].text.data),
	    "ipset save prints create and add; restore takes del, flush, destroy, rename, swap and "
	    "test, too");
	return -EINVAL;
}

/* What is in the places becomes the ruleset's, behind the sets of the inputs before. */
static int finish(struct ipset_reader *reader)
{
	int result = 0;
	for (size_t i = 0; i < reader->place_count && result == 0; i++) {
		struct builder *builder = reader->places[i];
		if (!builder)
			continue;
		result = builder_finish(builder);
		if (result == 0)
			result = ruleset_add_set(reader->ruleset, builder->set);
	}
	return result == -EEXIST ? 0 : result; /* create has said it */
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
	if (result == 0)
		result = finish(&reader);
	for (size_t i = 0; i < reader.place_count; i++)
		if (reader.places[i])
			builder_fini(reader.places[i]);
	free(reader.quoted);
	arena_free(reader.scratch);
	return result;
}
