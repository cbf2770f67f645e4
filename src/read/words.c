/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	static const bool blank[256] = {
	    [' '] = true, ['\t'] = true, ['\r'] = true, ['\f'] = true, ['\v'] = true};
	return blank[(unsigned char)c];
}

bool line_reader_next(struct line_reader *reader)
{
	const struct source *source = reader->source;
	if (reader->next >= source->size)
		return false;
	uint32_t begin = reader->next;
	const char *newline = memchr(source->data + begin, '\n', source->size - begin);
	uint32_t end = newline ? (uint32_t)(newline - source->data) : source->size;
	reader->next = newline ? end + 1 : end;
	while (begin < end && is_blank(source->data[begin]))
		begin++;
	while (end > begin && is_blank(source->data[end - 1]))
		end--;
	reader->line = (struct span){source, begin, end};
	return true;
}

void words_fini(struct words *words)
{
	free(words->words);
	*words = (struct words){0};
}

static int words_add(struct words *words, struct word word)
{
	if (words->count == words->capacity) {
		size_t capacity = words->capacity ? words->capacity * 2 : 64;
		struct word *grown = reallocarray(words->words, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		words->words = grown;
		words->capacity = capacity;
	}
	words->words[words->count++] = word;
	return 0;
}

/* iptables-restore takes the line to end there: what stands behind it would be read by weir alone. */
static int nul_byte(struct diagnostics *sink, const struct source *source, uint32_t at)
{
	diagnostic_hint(
	    diagnostic_add(sink, SEVERITY_ERROR, "nul-byte", (struct span){source, at, at + 1}, "a NUL byte"),
	    "iptables-restore would not see what stands behind it");
	return -EINVAL;
}

/* Where the text behind a quote ends; line.end when no other quote does. */
static uint32_t closing_quote(struct span line, uint32_t next)
{
	for (; next < line.end && line.source->data[next] != '"'; next++)
		if (line.source->data[next] == '\\')
			next++;
	return next < line.end ? next : line.end;
}

/* A word that has quotes in it, from its first character on. */
static int quoted_word(struct arena *arena, struct diagnostics *sink, struct span line, uint32_t *at,
		       struct words *words)
{
	const char *data = line.source->data;
	uint32_t begin = *at, quote = begin;
	while (data[quote] != '"')
		quote++;
	uint32_t end = closing_quote(line, quote + 1);
	if (end == line.end) {
		struct span span = {line.source, quote, line.end};
		diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "unterminated-quote", span,
					       "this quote does not end on its line"),
				"close it with \"; within quotes write \\\" for the character itself");
		return -EINVAL;
	}
	char *text = arena_alloc(arena, end - begin);
	size_t size = quote - begin;
	if (!text)
		return -ENOMEM;
	memcpy(text, data + begin, size);
	for (uint32_t next = quote + 1; next < end; next++) {
		next += data[next] == '\\';
		if (!data[next])
			return nul_byte(sink, line.source, next);
		text[size++] = data[next];
	}
	*at = end + 1;
	return words_add(words, (struct word){{text, size}, {line.source, begin, end + 1}});
}

int words_split(struct arena *arena, struct diagnostics *sink, struct span line, struct words *words)
{
	static const bool ends_word[256] = {[' '] = true,  ['\t'] = true, ['\r'] = true, ['\f'] = true,
					    ['\v'] = true, ['"'] = true,  ['\0'] = true};
	const char *data = line.source->data;
	words->count = 0;
	for (uint32_t at = line.begin; at < line.end;) {
		if (is_blank(data[at])) {
			at++;
			continue;
		}
		uint32_t end = at;
		while (end < line.end && !ends_word[(unsigned char)data[end]])
			end++;
		int result;
		if (end < line.end && !data[end])
			return nul_byte(sink, line.source, end);
		if (end < line.end && data[end] == '"') {
			result = quoted_word(arena, sink, line, &at, words);
		} else {
			result =
			    words_add(words, (struct word){{data + at, end - at}, {line.source, at, end}});
			at = end;
		}
		if (result < 0)
			return result;
	}
	return 0;
}

struct span span_join(struct span first, struct span last)
{
	return (struct span){first.source, first.begin, last.end};
}
