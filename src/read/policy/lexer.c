/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Words, strings and signs of a policy. A word is whatever stands between blanks and the signs { } , ; = " #:
 * what it means is the parser's to say. A word $name gives the tokens that were defined for it, which hold no
 * variable any more, so that nothing here recurses. */
#include "read/policy/parse.h"

#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '\n' || c == '{' || c == '}' || c == ',' || c == ';' || c == '=' ||
	       c == '"' || c == '#';
}

/* Blanks, comments, and line ends behind a backslash. */
static void skip_blanks(struct policy_reader *reader, const struct source *source)
{
	uint32_t at = reader->at;

	for (; at < source->size; at++) {
		if (is_blank(source->data[at]))
			continue;
		if (source->data[at] == '#') {
			const char *end = memchr(source->data + at, '\n', source->size - at);
			at = end ? (uint32_t)(end - source->data) : source->size;
			break;
		}
		if (source->data[at] != '\\')
			break;
		uint32_t behind = at + 1;
		if (behind < source->size && source->data[behind] == '\r')
			behind++;
		if (behind >= source->size || source->data[behind] != '\n')
			break;
		at = behind;
	}
	reader->at = at;
}

static void bad(struct policy_reader *reader, struct policy_token *token, const char *code, const char *what)
{
	token->kind = TOKEN_BAD;
	diagnostic_add(reader->sink, SEVERITY_ERROR, code, token->span, "%s", what);
}

/* at stands behind the opening quote. */
static void lex_string(struct policy_reader *reader, const struct source *source, struct policy_token *token)
{
	uint32_t begin = reader->at, at = begin;
	bool escaped = false;

	for (; at < source->size && source->data[at] != '"' && source->data[at] != '\n'; at++)
		if (source->data[at] == '\\' && at + 1 < source->size && source->data[at + 1] != '\n') {
			escaped = true;
			at++;
		}
	token->span.end = at;
	token->text = (struct text){source->data + begin, at - begin};
	reader->at = at;
	if (at >= source->size || source->data[at] == '\n') {
		bad(reader, token, "unterminated-string", "a string has no closing quote on its line");
		return;
	}
	reader->at = token->span.end = at + 1;
	for (size_t i = 0; i < token->text.size; i++)
		if ((unsigned char)token->text.data[i] < ' ' || token->text.data[i] == 0x7f) {
			bad(reader, token, "control-character", "a string has a control character");
			return;
		}
	if (!escaped)
		return;
	char *copy = arena_copy(reader->arena, token->text.data, token->text.size);
	if (!copy) {
		reader->no_memory = true;
		token->kind = TOKEN_BAD;
		return;
	}
	size_t size = 0;
	for (size_t i = 0; i < token->text.size; i++) {
		i += copy[i] == '\\' && i + 1 < token->text.size;
		copy[size++] = copy[i];
	}
	token->text = (struct text){copy, size};
}

static void lex_word(struct policy_reader *reader, const struct source *source, struct policy_token *token)
{
	uint32_t at = reader->at;

	while (at < source->size && !ends_word(source->data[at]))
		at++;
	token->span.end = at;
	token->text = (struct text){source->data + reader->at, at - reader->at};
	reader->at = at;
	for (size_t i = 0; i < token->text.size; i++)
		if ((unsigned char)token->text.data[i] < ' ' || token->text.data[i] == 0x7f) {
			bad(reader, token, "control-character", "there is a control character");
			return;
		}
}

static enum token_kind sign_kind(char c)
{
	switch (c) {
	case '\n':
	case ';':
		return TOKEN_LINE;
	case '{':
		return TOKEN_OPEN;
	case '}':
		return TOKEN_CLOSE;
	case ',':
		return TOKEN_COMMA;
	case '=':
		return TOKEN_EQUALS;
	case '"':
		return TOKEN_STRING;
	default:
		return TOKEN_WORD;
	}
}

static struct policy_token lex(struct policy_reader *reader)
{
	const struct source *source = reader->files[reader->depth - 1];

	skip_blanks(reader, source);
	struct policy_token token = {.kind = TOKEN_END, .span = {source, reader->at, reader->at}};
	if (reader->at >= source->size)
		return token;
	token.kind = sign_kind(source->data[reader->at]);
	if (token.kind == TOKEN_WORD) {
		lex_word(reader, source, &token);
		return token;
	}
	token.text = (struct text){source->data + reader->at, 1};
	token.span.end = ++reader->at;
	if (token.kind == TOKEN_STRING)
		lex_string(reader, source, &token);
	return token;
}

/* The tokens of $name take its place. */
static void expand(struct policy_reader *reader, struct policy_token *token)
{
	static const char hint[] = "define it above: define %.*s = ...";
	struct text name = {token->text.data + 1, token->text.size - 1};
	const struct policy_variable *variable = name_index_find(reader->variables, name);

	if (variable) {
		reader->replay = variable->tokens;
		reader->replay_end = variable->tokens + variable->count;
		reader->replay_span = token->span;
		return;
	}
	token->kind = TOKEN_BAD;
	diagnostic_hint(diagnostic_add(reader->sink, SEVERITY_ERROR, "unknown-variable", token->span,
				       "there is no variable $%.*s here", (int)name.size, name.data),
			hint, (int)name.size, name.data);
}

const struct policy_token *policy_peek(struct policy_reader *reader)
{
	while (!reader->has_token) {
		if (reader->replay != reader->replay_end) {
			reader->token = *reader->replay++;
			reader->token.origin = reader->token.span;
			reader->token.span = reader->replay_span;
			reader->has_token = true;
			break;
		}
		reader->token = lex(reader);
		reader->has_token = true;
		if (reader->token.kind == TOKEN_WORD && reader->token.text.data[0] == '$') {
			expand(reader, &reader->token);
			reader->has_token = reader->token.kind == TOKEN_BAD;
		}
	}
	return &reader->token;
}

void policy_take(struct policy_reader *reader)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind == TOKEN_END)
		return;
	if (!reader->first.source)
		reader->first = token->span;
	if (token->kind == TOKEN_OPEN)
		reader->braces++;
	else if (token->kind == TOKEN_CLOSE && reader->braces)
		reader->braces--;
	if (token->kind != TOKEN_LINE || reader->braces)
		reader->last = token->span;
	if (reader->keep_words && token->kind != TOKEN_LINE) {
		buffer_add(&reader->words, token->text.data, token->text.size);
		buffer_puts(&reader->words, token->kind == TOKEN_STRING ? "\"" : " ");
	}
	reader->has_token = false;
}

bool policy_next_is_word(struct policy_reader *reader, const char *word)
{
	const struct policy_token *token = policy_peek(reader);

	return token->kind == TOKEN_WORD && text_is(token->text, word);
}

bool policy_take_word(struct policy_reader *reader, const char *word)
{
	if (!policy_next_is_word(reader, word))
		return false;
	policy_take(reader);
	return true;
}

bool policy_take_kind(struct policy_reader *reader, enum token_kind kind)
{
	if (!policy_next_is(reader, kind))
		return false;
	policy_take(reader);
	return true;
}

bool policy_begins_statement(struct policy_reader *reader)
{
	const struct policy_token *token = policy_peek(reader);
	const struct span *span = &token->span;

	return token->kind == TOKEN_WORD && !token->origin.source &&
	       (span->begin == 0 || span->source->data[span->begin - 1] == '\n') &&
	       policy_is_statement(token->text);
}

int policy_item(struct policy_reader *reader)
{
	struct diagnostic *said;

	while (policy_take_kind(reader, TOKEN_LINE) || policy_take_kind(reader, TOKEN_COMMA))
		;
	if (policy_take_kind(reader, TOKEN_CLOSE))
		return 0;
	bool statement = policy_begins_statement(reader);
	if (!statement && !policy_next_is(reader, TOKEN_END))
		return 1;
	policy_error(reader, policy_peek(reader), "missing-brace", &said, "} is missing before %s",
		     statement ? "this statement" : "the end of the file");
	diagnostic_label(said, reader->first, "the statement that is not closed");
	return -EINVAL;
}

void policy_recover(struct policy_reader *reader)
{
	reader->keep_words = false;
	for (;;) {
		enum token_kind kind = policy_peek(reader)->kind;
		if (kind == TOKEN_END || (reader->braces && policy_begins_statement(reader)))
			return;
		bool ends = kind == TOKEN_LINE && reader->braces == 0;
		policy_take(reader);
		if (ends)
			return;
	}
}

void policy_recover_item(struct policy_reader *reader, size_t outside)
{
	for (;;) {
		enum token_kind kind = policy_peek(reader)->kind;
		if (kind == TOKEN_END || (kind == TOKEN_CLOSE && reader->braces <= outside) ||
		    policy_begins_statement(reader))
			return;
		bool ends = (kind == TOKEN_LINE || kind == TOKEN_COMMA) && reader->braces <= outside;
		policy_take(reader);
		if (ends)
			return;
	}
}

/* --- Errors -------------------------------------------------------------------------------------- */

int policy_error(struct policy_reader *reader, const struct policy_token *token, const char *code,
		 struct diagnostic **said, const char *format, ...)
{
	struct buffer message = {0};
	va_list arguments;

	/* what was said about a broken token is enough */
	if (token->kind == TOKEN_BAD) {
		if (said)
			*said = NULL;
		return -EINVAL;
	}
	va_start(arguments, format);
	buffer_vprintf(&message, format, arguments);
	va_end(arguments);
	struct span span = token->span;
	if (token->kind == TOKEN_LINE || token->kind == TOKEN_END)
		span.end = span.begin;
	struct diagnostic *diagnostic =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, code, span, "%s", message.data ? message.data : "");
	buffer_fini(&message);
	if (token->origin.source)
		diagnostic_label(diagnostic, token->origin, "from this definition");
	if (said)
		*said = diagnostic;
	return -EINVAL;
}
