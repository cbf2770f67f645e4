/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rulesets as lines of text: what mutations change, and what is read again behind them. */
#ifndef WEIR_TEST_MUTANTS_LINES_H
#define WEIR_TEST_MUTANTS_LINES_H

#include "parity/fixture.h"
#include "parity/rules.h"

#define WORDS_MAX 128
#define LINE_MAX_SIZE 8192

struct lines {
	size_t count, capacity;
	char **items; /* without the line's end; each of its own */
};

/* One ruleset: what iptables-save and ipset save would print. */
struct side {
	struct lines tables, sets;
};

void lines_add(struct lines *lines, size_t at, const char *text);
void lines_remove(struct lines *lines, size_t at);
void lines_set(struct lines *lines, size_t at, const char *text);
void lines_fini(struct lines *lines);
void lines_split(struct lines *lines, const char *text, size_t size);

void side_copy(struct side *to, const struct side *from);
void side_fini(struct side *side);
/* NULL with what is wrong in `why`. */
struct ruleset *side_load(const struct side *side, struct buffer *why);
void side_print(const struct side *side, const char *title);

/* A line taken apart at its blanks, quoted ones left alone. */
struct words {
	size_t count;
	char *items[WORDS_MAX];
	char room[LINE_MAX_SIZE];
};

bool line_words(struct words *words, const char *line);
/* Into line[LINE_MAX_SIZE]. */
bool words_join(const struct words *words, char *line);
/* Index of the word, or count. */
size_t words_find(const struct words *words, const char *word);
bool words_insert(struct words *words, size_t at, const char *word);
void words_remove(struct words *words, size_t at);

bool is_rule(const char *line);

#endif
