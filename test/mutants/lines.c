/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *sure(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void lines_add(struct lines *lines, size_t at, const char *text)
{
	if (lines->count == lines->capacity) {
		lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
		lines->items = sure(reallocarray(lines->items, lines->capacity, sizeof(char *)));
	}
	memmove(lines->items + at + 1, lines->items + at, (lines->count - at) * sizeof(char *));
	lines->items[at] = sure(strdup(text));
	lines->count++;
}

void lines_remove(struct lines *lines, size_t at)
{
	free(lines->items[at]);
	memmove(lines->items + at, lines->items + at + 1, (lines->count - at - 1) * sizeof(char *));
	lines->count--;
}

void lines_set(struct lines *lines, size_t at, const char *text)
{
	char *copy = sure(strdup(text));

	free(lines->items[at]);
	lines->items[at] = copy;
}

void lines_fini(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->items[i]);
	free(lines->items);
	*lines = (struct lines){0};
}

void lines_split(struct lines *lines, const char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		char *line = sure(strndup(text + at, length));

		lines_add(lines, lines->count, line);
		free(line);
		at += length + 1;
	}
}

static void lines_copy(struct lines *to, const struct lines *from)
{
	for (size_t i = 0; i < from->count; i++)
		lines_add(to, i, from->items[i]);
}

void side_copy(struct side *to, const struct side *from)
{
	*to = (struct side){0};
	lines_copy(&to->tables, &from->tables);
	lines_copy(&to->sets, &from->sets);
}

void side_fini(struct side *side)
{
	lines_fini(&side->tables);
	lines_fini(&side->sets);
}

static void join(const struct lines *lines, struct buffer *out)
{
	for (size_t i = 0; i < lines->count; i++) {
		buffer_puts(out, lines->items[i]);
		buffer_puts(out, "\n");
	}
}

struct ruleset *side_load(const struct side *side, struct buffer *why)
{
	struct drawn_rules text = {0};

	join(&side->tables, &text.tables);
	join(&side->sets, &text.sets);
	struct ruleset *ruleset = fixture_load(&text, why);
	drawn_rules_fini(&text);
	return ruleset;
}

void side_print(const struct side *side, const char *title)
{
	printf("#   %s:\n", title);
	for (size_t i = 0; i < side->sets.count; i++)
		printf("#     %s\n", side->sets.items[i]);
	for (size_t i = 0; i < side->tables.count; i++)
		printf("#     %s\n", side->tables.items[i]);
}

bool line_words(struct words *words, const char *line)
{
	size_t size = strlen(line);
	bool quoted = false, inside = false;

	words->count = 0;
	if (size >= sizeof(words->room))
		return false;
	memcpy(words->room, line, size + 1);
	for (char *at = words->room; *at; at++) {
		if (*at == '\\' && quoted && at[1]) {
			at++;
			continue;
		}
		if (*at == '"')
			quoted = !quoted;
		if (*at == ' ' && !quoted) {
			*at = '\0';
			inside = false;
			continue;
		}
		if (inside)
			continue;
		if (words->count == WORDS_MAX)
			return false;
		words->items[words->count++] = at;
		inside = true;
	}
	return true;
}

bool words_join(const struct words *words, char *line)
{
	size_t size = 0;

	for (size_t i = 0; i < words->count; i++) {
		size_t length = strlen(words->items[i]);

		if (size + length + 2 > LINE_MAX_SIZE)
			return false;
		if (i)
			line[size++] = ' ';
		memcpy(line + size, words->items[i], length);
		size += length;
	}
	line[size] = '\0';
	return true;
}

size_t words_find(const struct words *words, const char *word)
{
	size_t i = 0;

	while (i < words->count && strcmp(words->items[i], word) != 0)
		i++;
	return i;
}

bool words_insert(struct words *words, size_t at, const char *word)
{
	if (words->count == WORDS_MAX)
		return false;
	memmove(words->items + at + 1, words->items + at, (words->count - at) * sizeof(char *));
	words->items[at] = (char *)word;
	words->count++;
	return true;
}

void words_remove(struct words *words, size_t at)
{
	memmove(words->items + at, words->items + at + 1, (words->count - at - 1) * sizeof(char *));
	words->count--;
}

bool is_rule(const char *line)
{
	return strncmp(line, "-A ", 3) == 0;
}
