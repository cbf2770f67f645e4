// SPDX-License-Identifier: GPL-2.0-or-later
#include "lossy.h"
#include "base/diagnostic.h"
#include "read/words.h"

#include <regex.h>
#include <stdlib.h>

/* In what is printed, with quoted blanks left out, " " put before it and " -" behind. */
static const char *const marks[] = {
    "  ",          /* a name or a list of days, with nothing in it */
    " -[io] [-!]", /* names that look like options */
    "-m recent .*--name [-!]",
    "-m recent .*--seconds -", /* %d of what is unsigned */
    "-j LED .*--led-delay -",
    "-m hashlimit .* 0b/s",                    /* less than 16 bytes a second, or 4 GB and more */
    "-m ipcomp -",                             /* of every SPI; without the option it is SPI 0 */
    "-m string .*--hex-string \"[^\"]{258}\"", /* 128 bytes, which only --string may give */
    "-j [DS]NPT --dst-pfx",                    /* ::/0 is not printed, and must be given */
    "-j [DS]NPT --src-pfx [^ ]* -$",
    "-j (DNAT|SNAT|MASQUERADE|REDIRECT) .*-[0-9]+/0", /* a port to count from, where none was given */
};

static bool has_mark(const struct buffer *printed)
{
	static regex_t compiled[sizeof(marks) / sizeof(*marks)];
	static bool ready;
	struct buffer plain = {0};
	bool quoted = false, found = false;

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks) && !ready; i++)
		if (regcomp(&compiled[i], marks[i], REG_EXTENDED | REG_NOSUB))
			abort();
	ready = true;
	buffer_puts(&plain, " ");
	for (size_t i = 0; i < printed->size; i++) {
		char c = printed->data[i];
		if (c == '"')
			quoted = !quoted;
		if (c == '\\' && quoted)
			i++;
		else if (c && !(quoted && c == ' '))
			buffer_add(&plain, &c, 1);
	}
	buffer_puts(&plain, " -");
	if (plain.failed)
		abort();
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks) && !found; i++)
		found = regexec(&compiled[i], plain.data, 0, NULL, 0) == 0;
	buffer_fini(&plain);
	return found;
}

/* A word that needs quotes and got none: a name of which the kernel takes any. Its beginning will do, as some
 * names are cut. */
static bool stands_bare(struct text word, const struct buffer *printed)
{
	for (size_t i = 1; i < printed->size; i++) {
		if (printed->data[i - 1] != ' ')
			continue;
		for (size_t j = 0; j < word.size && i + j < printed->size; j++) {
			if (word.data[j] != printed->data[i + j])
				break;
			if (strchr(" \t\r\f\v\"", word.data[j])) /* and NUL */
				return true;
		}
	}
	return false;
}

static bool has_bare_word(const struct rule *rule, const struct buffer *printed)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct words words = {0};
	bool found = false;

	if (!arena || !sink || words_split(arena, sink, rule->span, &words))
		abort();
	for (size_t i = 0; i < words.count && !found; i++) {
		struct text word = words.words[i].text;
		const char *equals = word.size ? memchr(word.data, '=', word.size) : NULL;
		found = stands_bare(word, printed);
		if (!found && equals) /* --name="a b" */
			found = stands_bare(
			    (struct text){equals + 1, (size_t)(word.data + word.size - equals) - 1}, printed);
		if (!found && word.size > 2 && word.data[0] == '-') /* -i"a b" */
			found = stands_bare((struct text){word.data + 2, word.size - 2}, printed);
	}
	words_fini(&words);
	diagnostics_free(sink);
	arena_free(arena);
	return found;
}

static bool is_lossy(const struct rule *rule)
{
	struct buffer printed = {0};

	rule_print(rule, true, &printed);
	if (printed.failed)
		abort();
	bool lossy = has_mark(&printed) || has_bare_word(rule, &printed);
	buffer_fini(&printed);
	return lossy;
}

bool lossy_rules(const struct ruleset *ruleset, enum family family)
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct table *table = &ruleset->tables[family][i];
		for (size_t j = 0; j < table->chain_count; j++)
			for (size_t k = 0; k < table->chains[j]->rule_count; k++)
				if (is_lossy(&table->chains[j]->rules[k]))
					return true;
	}
	return false;
}
