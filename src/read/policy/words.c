/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single words that statements are made of: names, strings, numbers, lengths of time; and how it is said that
 * something else was expected. */
#include "read/names.h"
#include "read/policy/parse.h"

#include <errno.h>

static void describe(const struct policy_token *token, struct buffer *out)
{
	switch (token->kind) {
	case TOKEN_END:
		buffer_puts(out, "the end of the file");
		return;
	case TOKEN_LINE:
		buffer_puts(out, token->text.data[0] == ';' ? "a semicolon" : "the end of the line");
		return;
	case TOKEN_STRING:
		buffer_printf(out, "the string \"%.*s\"", (int)token->text.size, token->text.data);
		return;
	case TOKEN_COMMA:
		buffer_puts(out, "a comma");
		return;
	default:
		buffer_add(out, token->text.data, token->text.size);
	}
}

int policy_expected(struct policy_reader *reader, const char *what, const char *const *words, size_t count)
{
	const struct policy_token *token = policy_peek(reader);
	struct diagnostic *said;
	struct buffer text = {0};

	describe(token, &text);
	policy_error(reader, token, "unexpected-word", &said, "expected %s, not %s", what,
		     text.data ? text.data : "");
	buffer_fini(&text);
	bool word = token->kind == TOKEN_WORD || text_is(token->text, "=");
	const char *hint = word ? policy_hint_word(reader, token->text) : NULL;
	const char *near = word && !hint ? nearest_name(token->text, words, count) : NULL;
	if (hint)
		diagnostic_hint(said, "%s", hint);
	else if (near && !text_is(token->text, near))
		diagnostic_hint(said, "did you mean %s?", near);
	return -EINVAL;
}

int parse_word(struct policy_reader *reader, const char *const *words, size_t count, const char *what,
	       size_t *which)
{
	for (size_t i = 0; i < count; i++)
		if (policy_take_word(reader, words[i])) {
			*which = i;
			return 0;
		}
	return policy_expected(reader, what, words, count);
}

int parse_string(struct policy_reader *reader, const char *what, struct text *text)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_STRING)
		return policy_expected(reader, what, NULL, 0);
	*text = token->text;
	policy_take(reader);
	return 0;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int parse_name(struct policy_reader *reader, const char *what, struct text *name)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, what, NULL, 0);
	struct text text = token->text;
	bool good = is_letter(text.data[0]);
	for (size_t i = 1; i < text.size; i++)
		good &= is_letter(text.data[i]) || (text.data[i] >= '0' && text.data[i] <= '9') ||
			text.data[i] == '_' || text.data[i] == '-';
	if (!good)
		return policy_error(reader, token, "bad-name", NULL,
				    "%.*s is no name: a letter, and then letters, digits, _ and -",
				    (int)text.size, text.data);
	if (text.size > POLICY_NAME_MAX)
		return policy_error(reader, token, "bad-name", NULL,
				    "a name of more than %d characters is too long for the kernel's sets",
				    POLICY_NAME_MAX);
	*name = text;
	policy_take(reader);
	return 0;
}

int parse_duration(struct policy_reader *reader, uint32_t low, uint32_t high, uint32_t *seconds)
{
	const struct policy_token *token = policy_peek(reader);
	uint32_t value;

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a length of time, such as 12h", NULL, 0);
	const char *wrong = value_duration(token->text, &value);
	if (wrong)
		return policy_error(reader, token, "bad-time", NULL, "%.*s %s", (int)token->text.size,
				    token->text.data, wrong);
	if (value < low || value > high)
		return policy_error(reader, token, "bad-time", NULL,
				    "%.*s is out of range: %u to %u seconds are taken here",
				    (int)token->text.size, token->text.data, low, high);
	*seconds = value;
	policy_take(reader);
	return 0;
}

int parse_number(struct policy_reader *reader, const char *what, uint64_t low, uint64_t high,
		 uint64_t *number)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, what, NULL, 0);
	const char *wrong = value_number(token->text, low, high, number);
	if (wrong)
		return policy_error(reader, token, "bad-number", NULL,
				    "%.*s %s: expected %s from %llu to %llu", (int)token->text.size,
				    token->text.data, wrong, what, (unsigned long long)low,
				    (unsigned long long)high);
	policy_take(reader);
	return 0;
}
