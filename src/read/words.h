/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of iptables-save and ipset save, and the words in them. */
#ifndef WEIR_READ_WORDS_H
#define WEIR_READ_WORDS_H

#include "base/diagnostic.h"
#include "ruleset/rule_parser.h"

/* Goes through a source line by line. Start with {.source = source}. */
struct line_reader {
	const struct source *source;
	uint32_t next;    /* where the next line begins */
	struct span line; /* without its end ("\n" or "\r\n") and without blanks around it */
};
bool line_reader_next(struct line_reader *reader);

struct words {
	struct word *words;
	size_t count, capacity;
};
void words_fini(struct words *words);

/* Splits a line as iptables-restore does (iptables 1.8, xshared.c, add_param_to_argv()): blanks part words,
 * double quotes keep them, a backslash within quotes takes the next character as it is, and a closing quote
 * ends the word. A NUL byte is refused. Text with quotes is copied into the arena. 0, -EINVAL with a
 * diagnostic, -ENOMEM. */
int words_split(struct arena *arena, struct diagnostics *sink, struct span line, struct words *words);

/* Whether a word stood without quotes. */
static inline bool word_is_bare(const struct word *word)
{
	return word->span.end - word->span.begin == word->text.size;
}

struct span span_join(struct span first, struct span last);

#endif
