/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read/nft_reader.h"

#include "read/load.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* of the JSON: what walks through it calls itself as deep */

void nft_texts_fini(struct nft_texts *texts)
{
	for (int i = 0; i < FAMILY_COUNT; i++)
		buffer_fini(&texts->rules[i]);
	buffer_fini(&texts->sets);
}

static struct json_object *parse(struct text json, struct nft_reader *reader)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *root = NULL;

	if (!tokener) {
		reader->failed = true;
		return NULL;
	}
	root = json_tokener_parse_ex(tokener, json.data, (int)json.size);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue || (error == json_tokener_success && !root))
		listing_error(reader, "nft-json", NULL, "this JSON is cut off, or nothing");
	else if (error != json_tokener_success)
		listing_error(reader, "nft-json", NULL, "this is not JSON, at byte %zu: %s",
			      json_tokener_get_parse_end(tokener), json_tokener_error_desc(error));
	json_tokener_free(tokener);
	if (error == json_tokener_success || !root)
		return root;
	json_object_put(root);
	return NULL;
}

/* What the translation makes besides lives as long as the JSON, in it. */
static bool add_own(struct json_object *root, const char *name)
{
	struct json_object *list = json_object_new_array();

	if (list && json_object_object_add(root, name, list) == 0)
		return true;
	json_object_put(list);
	return false;
}

static int translate(struct nft_reader *reader, struct nft_texts *texts, size_t errors)
{
	int result = listing_index(reader);

	if (result < 0)
		return result;
	listing_reach(reader);
	for (int family = 0; family < FAMILY_COUNT && !reader->failed; family++) {
		if (!reader->present[family])
			continue;
		result = listing_place(reader, (enum family)family);
		if (result < 0)
			return result;
		listing_chains_print(reader, (enum family)family, &texts->rules[family]);
		reader->failed |= texts->rules[family].failed;
	}
	return reader->failed ? -ENOMEM : diagnostics_errors(reader->sink) > errors ? -EINVAL : 0;
}

int nft_read_json(struct text json, const char *name, const struct nft_choice *choice,
		  struct diagnostics *sink, struct nft_texts *texts)
{
	struct nft_reader reader = {.arena = arena_new(), .sink = sink};
	size_t errors = diagnostics_errors(sink);
	int result = 0;

	if (choice)
		reader.choice = *choice;

	*texts = (struct nft_texts){0};
	if (json.size > SOURCE_SIZE_MAX)
		return arena_free(reader.arena), -EFBIG;
	struct arena *messages = arena_new();
	struct source *source =
	    messages ? source_new(messages, arena_printf(messages, "%s", name), "", 0) : NULL;
	if (!reader.arena || !source) {
		result = -ENOMEM;
		goto out;
	}
	reader.nowhere = (struct span){source, 0, 0};
	reader.errors = errors;
	reader.root = parse(json, &reader);
	if (!reader.root)
		result = reader.failed ? -ENOMEM : -EINVAL;
	else if (!json_object_is_type(reader.root, json_type_object))
		listing_error(&reader, "nft-json", NULL, "this JSON is not a ruleset of nftables"),
		    result = -EINVAL;
	else if (!add_own(reader.root, "weir-nothing") || !add_own(reader.root, "weir-kept"))
		result = -ENOMEM;
	else
		result = translate(&reader, texts, errors);
	if (result == 0) {
		texts->sets = reader.set_text;
		reader.set_text = (struct buffer){0};
	} else {
		nft_texts_fini(texts);
		*texts = (struct nft_texts){0};
	}
	json_object_put(reader.root);
out:
	buffer_fini(&reader.set_text);
	if (messages)
		diagnostics_keep(sink, messages);
	if (reader.arena)
		arena_free(reader.arena);
	return result;
}

/* --- What a file is */

static struct text after_blanks(struct text text)
{
	while (text.size && isspace((unsigned char)text.data[0]))
		text = (struct text){text.data + 1, text.size - 1};
	return text;
}

bool nft_is_json(struct text text)
{
	text = after_blanks(text);
	if (!text_starts(text, "{"))
		return false;
	text = after_blanks((struct text){text.data + 1, text.size - 1});
	return text_starts(text, "\"nftables\"");
}

static bool starts_with_word(struct text text, const char *word)
{
	size_t size = strlen(word);

	return text_starts(text, word) && (text.size == size || !isalnum((unsigned char)text.data[size]));
}

static bool starts_with_any(struct text text, const char *const *words)
{
	for (; *words; words++)
		if (starts_with_word(text, *words))
			return true;
	return false;
}

bool nft_is_script(struct text text, const char *name)
{
	static const char *const commands[] = {"add", "delete", "flush", "destroy", "create", "insert", NULL};
	static const char *const objects[] = {"table", "ruleset", "chain", "rule", "element", "map", NULL};
	size_t size = name ? strlen(name) : 0;

	if (size > 4 && strcmp(name + size - 4, ".nft") == 0)
		return true;
	text = after_blanks(text);
	while (text_starts(text, "#")) { /* #!/usr/sbin/nft -f, and other comments */
		const char *end = memchr(text.data, '\n', text.size);
		struct text line = {text.data, end ? (size_t)(end - text.data) : text.size};
		if (text_starts(text, "#!") && memmem(line.data, line.size, "nft", 3))
			return true;
		text = after_blanks((struct text){line.data + line.size, text.size - line.size});
	}
	if (starts_with_word(text, "table"))
		return true;
	if (starts_with_word(text, "define"))
		return memmem(text.data, text.size, "table", 5);
	/* ipset has such commands, too, before the name of a set. */
	if (!starts_with_any(text, commands))
		return false;
	while (text.size && !isspace((unsigned char)text.data[0]))
		text = (struct text){text.data + 1, text.size - 1};
	return starts_with_any(after_blanks(text), objects);
}

int rules_load_nft(struct text json, const char *name, const struct nft_choice *choice,
		   struct diagnostics *sink, struct ruleset **ruleset)
{
	static const char *const heads[FAMILY_COUNT] = {"# Generated by iptables-save v1.8.9\n",
							"# Generated by ip6tables-save v1.8.9\n"};
	struct nft_texts texts = {0};
	struct rules_text inputs[FAMILY_COUNT + 1];
	struct buffer rules[FAMILY_COUNT] = {{0}};
	size_t count = 0;
	int result = nft_read_json(json, name, choice, sink, &texts);

	/* By what it says at its head it is known of which family it is. */
	for (int i = 0; i < FAMILY_COUNT && result == 0; i++) {
		if (!texts.rules[i].size)
			continue;
		buffer_puts(&rules[i], heads[i]);
		buffer_add(&rules[i], texts.rules[i].data, texts.rules[i].size);
		inputs[count++] = (struct rules_text){name, {rules[i].data, rules[i].size}};
		result = rules[i].failed ? -ENOMEM : 0;
	}
	if (texts.sets.size)
		inputs[count++] = (struct rules_text){name, {texts.sets.data, texts.sets.size}};
	if (result == 0)
		result = rules_load_texts(inputs, count, sink, ruleset);
	for (int i = 0; i < FAMILY_COUNT; i++)
		buffer_fini(&rules[i]);
	nft_texts_fini(&texts);
	return result;
}
