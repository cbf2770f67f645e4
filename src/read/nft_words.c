/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Expressions and statements as nft(8) would write them, about: what iptables has no words for is known by
 * its text, so that the same is the same, and different things are different. */
#include "read/nft_reader.h"

#include <string.h>

#define WORDS_MAX 450 /* iptables takes words of up to 1023 bytes, and quotes take two */

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

static void put_string(struct json_object *json, struct buffer *out)
{
	const char *text = listing_string(json);

	buffer_puts(out, text ? text : "?");
}

static void put_list(struct json_object *list, const char *between, struct buffer *out)
{
	if (!json_object_is_type(list, json_type_array)) {
		listing_words(list, out);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(list) && out->size < SOURCE_SIZE_MAX; i++) {
		buffer_puts(out, i ? between : "");
		listing_words(json_object_array_get_idx(list, i), out);
	}
}

static void put_json(struct json_object *json, struct buffer *out)
{
	buffer_puts(out, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
}

/* Objects whose keys are all among `keys` (ended by NULL): others say more than is written. */
static bool only_has(struct json_object *json, const char *const *keys)
{
	if (!json_object_is_type(json, json_type_object))
		return false;
	json_object_object_foreach(json, key, value)
	{
		size_t i = 0;
		(void)value;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			return false;
	}
	return true;
}

static void put_match(struct json_object *match, struct buffer *out)
{
	const char *op = listing_string(listing_get(match, "op"));

	listing_words(listing_get(match, "left"), out);
	if (!is(op, "==") && !is(op, "in")) {
		buffer_puts(out, " ");
		put_string(listing_get(match, "op"), out);
	} else if (is(op, "==")) {
		buffer_puts(out, " ==");
	}
	buffer_puts(out, " ");
	if (json_object_is_type(listing_get(match, "right"), json_type_array))
		put_list(listing_get(match, "right"), ",", out);
	else
		listing_words(listing_get(match, "right"), out);
}

static bool put_known(const char *name, struct json_object *value, struct buffer *out)
{
	if (is(name, "match") && only_has(value, (const char *const[]){"op", "left", "right", NULL})) {
		put_match(value, out);
	} else if (is(name, "payload") && only_has(value, (const char *const[]){"protocol", "field", NULL})) {
		put_string(listing_get(value, "protocol"), out);
		buffer_puts(out, " ");
		put_string(listing_get(value, "field"), out);
	} else if (is(name, "meta") && only_has(value, (const char *const[]){"key", NULL})) {
		buffer_puts(out, "meta ");
		put_string(listing_get(value, "key"), out);
	} else if (is(name, "ct") && only_has(value, (const char *const[]){"key", "dir", NULL})) {
		buffer_puts(out, "ct ");
		if (listing_get(value, "dir")) {
			put_string(listing_get(value, "dir"), out);
			buffer_puts(out, " ");
		}
		put_string(listing_get(value, "key"), out);
	} else if (is(name, "concat")) {
		put_list(value, " . ", out);
	} else if (is(name, "set") && json_object_is_type(value, json_type_array)) {
		buffer_puts(out, "{ ");
		put_list(value, ", ", out);
		buffer_puts(out, " }");
	} else if (is(name, "range")) {
		put_list(value, "-", out);
	} else if (is(name, "prefix") && only_has(value, (const char *const[]){"addr", "len", NULL})) {
		listing_words(listing_get(value, "addr"), out);
		buffer_puts(out, "/");
		listing_words(listing_get(value, "len"), out);
	} else if (is(name, "&") || is(name, "|") || is(name, "^")) {
		buffer_puts(out, "(");
		put_list(value, name[0] == '&' ? " & " : name[0] == '|' ? " | " : " ^ ", out);
		buffer_puts(out, ")");
	} else if (is(name, "fib") && only_has(value, (const char *const[]){"result", "flags", NULL})) {
		buffer_puts(out, "fib ");
		put_list(listing_get(value, "flags"), " . ", out);
		buffer_puts(out, " ");
		put_string(listing_get(value, "result"), out);
	} else if (is(name, "mangle") && only_has(value, (const char *const[]){"key", "value", NULL})) {
		listing_words(listing_get(value, "key"), out);
		buffer_puts(out, " set ");
		listing_words(listing_get(value, "value"), out);
	} else if (!value) {
		buffer_puts(out, name);
	} else if (listing_string(value)) { /* an object's name */
		buffer_printf(out, "%s name ", name);
		put_string(value, out);
	} else {
		return false;
	}
	return true;
}

void listing_words(struct json_object *json, struct buffer *out)
{
	struct json_object *value;
	const char *name = listing_only_key(json, &value);

	if (listing_string(json))
		put_string(json, out);
	else if (!name && only_has(json, (const char *const[]){"op", "left", "right", NULL}))
		put_match(json, out);
	else if (!name || !put_known(name, value, out))
		put_json(json, out);
}

void listing_quote(const char *text, size_t size, struct buffer *out)
{
	buffer_puts(out, "\"");
	for (size_t i = 0; i < size; i++) {
		char c = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
		if (c == '"' || c == '\\')
			buffer_puts(out, "\\");
		buffer_add(out, &c, 1);
	}
	buffer_puts(out, "\"");
}

void listing_opaque(struct nft_reader *reader, struct json_object *json, const char *more, struct buffer *out)
{
	struct buffer words = {0};

	listing_words(json, &words);
	if (words.size > WORDS_MAX) {
		/* Cut in the middle of a character it would not be text any more. */
		words.size = WORDS_MAX;
		while (words.size && ((unsigned char)words.data[words.size] & 0xc0) == 0x80)
			words.size--;
		buffer_printf(&words, " ... (long expression %zu)", ++reader->texts_cut);
	}
	buffer_puts(&words, more);
	listing_quote(words.data ? words.data : "", words.size, out);
	reader->failed |= words.failed;
	buffer_fini(&words);
}
