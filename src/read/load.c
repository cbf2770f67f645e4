/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RULES... arguments: what each file is, and in which order they are read. */
#include "read/load.h"

#include "extension/translation.h"
#include "read/nft_read.h"
#include "read/policy/render.h"
#include "read/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum source_kind { KIND_EMPTY, KIND_IPTABLES, KIND_IPSET, KIND_POLICY, KIND_NFT, KIND_UNKNOWN };

struct input {
	const struct source *source;
	enum source_kind kind;
	enum family family;                       /* of KIND_IPTABLES */
	bool known;                               /* what it is has been said */
	bool append;                              /* KIND_IPTABLES: behind the rules that are there */
	const struct policy_rendering *rendering; /* of KIND_POLICY */
};

struct inputs {
	struct input *inputs;
	size_t count, capacity;
	const char *feed_directory; /* of policies; NULL: none */
};

static struct text first_word(struct span line)
{
	uint32_t end = line.begin;
	while (end < line.end && line.source->data[end] != ' ' && line.source->data[end] != '\t')
		end++;
	return span_text((struct span){line.source, line.begin, end});
}

static bool is_ipset_command(struct text word)
{
	static const char *const commands[] = {"create", "new",    "add", "--create", "--add",
					       "flush",  "-exist", "-!",  "destroy",  "del",
					       "-N",     "-A",     "n",   "x",        "-X"};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (text_is(word, commands[i]))
			return true;
	return false;
}

/* By the first line that is not a comment. */
static enum source_kind source_kind(const struct source *source, struct span *where)
{
	struct line_reader lines = {.source = source};
	while (line_reader_next(&lines)) {
		struct text word = first_word(lines.line);
		if (word.size == 0 || word.data[0] == '#')
			continue;
		*where = lines.line;
		if (is_ipset_command(word))
			return KIND_IPSET;
		/* -N and -A are ipset's commands too, but then no table stands before them. */
		if (strchr("*:[-", word.data[0]) || text_is(word, "COMMIT"))
			return KIND_IPTABLES;
		return KIND_UNKNOWN;
	}
	return KIND_EMPTY;
}

static struct input *input_new(struct inputs *list, struct arena *arena, const struct source *source)
{
	struct input *input =
	    arena_push(arena, (void **)&list->inputs, &list->count, &list->capacity, sizeof(*input));
	if (input)
		input->source = source;
	return input;
}

static int inputs_add(struct inputs *list, struct arena *arena, const struct source *source)
{
	return input_new(list, arena, source) ? 0 : -ENOMEM;
}

static int read_failed(struct diagnostics *sink, const char *path, int error)
{
	struct diagnostic *diagnostic = diagnostic_add(sink, SEVERITY_ERROR, "cannot-read", (struct span){0},
						       "cannot read %s: %s", path, strerror(-error));
	if (error == -EFBIG)
		diagnostic_hint(diagnostic, "at most %u bytes are read", SOURCE_SIZE_MAX);
	else
		diagnostic_hint(
		    diagnostic,
		    "RULES are files that iptables-save, ip6tables-save or ipset save wrote, or a "
		    "directory with rules.v4, rules.v6, ipsets, or rules.nft; or a policy, *.weir; or a "
		    "script of nft, "
		    "*.nft, or what nft -j list ruleset prints");
	return error;
}

static int read_directory(struct inputs *list, struct arena *arena, const char *path,
			  struct diagnostics *sink)
{
	static const char *const files[] = {"rules.v4", "rules.v6", "ipsets", "rules.nft"};
	size_t found = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (found && strcmp(files[i], "rules.nft") == 0)
			break; /* the same rules in other words, or others: one of them has to be named */
		bool slash = *path && path[strlen(path) - 1] == '/';
		char *name = arena_printf(arena, "%s%s%s", path, slash ? "" : "/", files[i]);
		struct source *source;
		if (!name)
			return -ENOMEM;
		int result = source_read(arena, name, &source);
		if (result == -ENOENT)
			continue;
		if (result < 0)
			return result == -ENOMEM ? result : read_failed(sink, name, result);
		found++;
		result = inputs_add(list, arena, source);
		if (result < 0)
			return result;
	}
	return found ? 0 : read_failed(sink, path, -ENOENT);
}

static int read_path(struct inputs *list, struct arena *arena, const char *path, struct diagnostics *sink)
{
	struct stat status;
	if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return read_directory(list, arena, path, sink);
	struct source *source;
	int result = source_read(arena, path, &source);
	if (result < 0)
		return result == -ENOMEM ? result : read_failed(sink, path, result);
	return inputs_add(list, arena, source);
}

static bool is_policy(const struct source *source)
{
	size_t size = strlen(source->name);
	return (size > 5 && strcmp(source->name + size - 5, ".weir") == 0) || policy_recognise(source);
}

static int add_rendered(struct inputs *list, struct arena *arena, const struct policy_text *text,
			enum source_kind kind, enum family family, bool append)
{
	if (!text->source)
		return 0;
	struct input *input = input_new(list, arena, text->source);
	if (!input)
		return -ENOMEM;
	input->kind = kind;
	input->family = family;
	input->append = append;
	input->known = true;
	return 0;
}

/* A policy is what it becomes: its sets and rules, behind them the rules of files that it names, and the end
 * of its own. They are inputs of their own, behind this one. */
static int add_policy(struct inputs *list, size_t number, struct arena *arena, struct diagnostics *sink)
{
	const uint64_t now = (uint64_t)time(NULL);
	const struct policy_options options = {
	    .now = now, .feed_directory = list->feed_directory, .wants_feeds = true};
	const struct policy_render_options render_options = {.now = now};
	struct policy_tree *tree;
	struct policy_rendering *rendering;
	int result = policy_read(arena, sink, list->inputs[number].source, &options, &tree);
	if (result == 0)
		result = policy_render(arena, tree, &render_options, sink, &rendering);
	if (result == -EINVAL) /* the others may have errors to say, too */
		return 0;
	if (result == 0)
		result = add_rendered(list, arena, &rendering->sets, KIND_IPSET, FAMILY_IPV4, false);
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		result = add_rendered(list, arena, &rendering->rules[family], KIND_IPTABLES,
				      (enum family)family, false);
	for (size_t i = 0; i < tree->statement_count && result == 0; i++) {
		if (tree->statements[i].kind != STATEMENT_RULES)
			continue;
		struct input *input = input_new(list, arena, tree->statements[i].rules);
		if (!input)
			return -ENOMEM;
		input->append = true;
	}
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		result = add_rendered(list, arena, &rendering->tail[family], KIND_IPTABLES,
				      (enum family)family, true);
	list->inputs[number].rendering = rendering;
	return result;
}

static int add_text(struct inputs *list, struct arena *arena, const char *name, const struct buffer *text,
		    enum source_kind kind, enum family family)
{
	if (!text->size)
		return 0;
	char *copy = arena_copy(arena, text->data, text->size);
	struct source *source = copy && name ? source_new(arena, name, copy, text->size) : NULL;
	struct input *input = source ? input_new(list, arena, source) : NULL;
	if (!input)
		return -ENOMEM;
	input->kind = kind;
	input->family = family;
	input->known = true;
	return 0;
}

/* The texts that it becomes are inputs of their own. */
static int add_nft(struct inputs *list, size_t number, struct arena *arena, struct diagnostics *sink)
{
	const struct source *source = list->inputs[number].source;
	struct text json = {source->data, source->size};
	struct buffer listed = {0};
	struct nft_texts texts = {0};
	int result = 0;
	if (!nft_is_json(json)) {
		result = nft_scratch_list(json, source->name, sink, &listed);
		json = (struct text){listed.data, listed.size};
	}
	if (result == 0)
		result = nft_read_json(json, source->name, NULL, sink, &texts);
	if (result == 0)
		result = add_text(list, arena, arena_printf(arena, "%s (sets)", source->name), &texts.sets,
				  KIND_IPSET, FAMILY_IPV4);
	if (result == 0)
		result = add_text(list, arena, arena_printf(arena, "%s (ip)", source->name),
				  &texts.rules[FAMILY_IPV4], KIND_IPTABLES, FAMILY_IPV4);
	if (result == 0)
		result = add_text(list, arena, arena_printf(arena, "%s (ip6)", source->name),
				  &texts.rules[FAMILY_IPV6], KIND_IPTABLES, FAMILY_IPV6);
	nft_texts_fini(&texts);
	buffer_fini(&listed);
	return result == -EINVAL ? 0 : result; /* the others may have errors to say, too */
}

/* A policy may begin with a word that begins a script of nft, too. */
static bool is_nft(const struct source *source)
{
	struct text text = {source->data, source->size};
	size_t size = strlen(source->name);
	return nft_is_json(text) || (size > 4 && strcmp(source->name + size - 4, ".nft") == 0) ||
	       (!is_policy(source) && nft_is_script(text, source->name));
}

static int classify(struct inputs *list, size_t number, struct arena *arena, struct diagnostics *sink)
{
	struct input *input = &list->inputs[number];
	struct span where = {0};
	if (input->known)
		return 0;
	if (!input->append && is_nft(input->source)) {
		input->kind = KIND_NFT;
		return add_nft(list, number, arena, sink);
	}
	if (!input->append && is_policy(input->source)) {
		input->kind = KIND_POLICY;
		return add_policy(list, number, arena, sink);
	}
	input->kind = source_kind(input->source, &where);
	if (input->kind == KIND_IPTABLES || input->kind == KIND_EMPTY) {
		if (!source_family(input->source, sink, &input->family))
			input->kind = KIND_UNKNOWN; /* one error says it all */
	} else if (input->kind == KIND_UNKNOWN)
		diagnostic_hint(
		    diagnostic_add(sink, SEVERITY_ERROR, "unknown-format", where,
				   "this is neither iptables-save nor ipset save, nor a policy, nor of nft"),
		    "iptables-save begins with a table such as *filter, ipset save with create; the "
		    "name of a policy ends in .weir, that of a script of nft in .nft");
	return 0;
}

static int read_inputs(struct inputs *list, struct ruleset *ruleset, struct diagnostics *sink)
{
	int result = 0;
	for (size_t i = 0; i < list->count && result == 0; i++)
		if (list->inputs[i].kind == KIND_IPSET)
			result = ipset_save_read(ruleset, sink, list->inputs[i].source);
	for (size_t i = 0; i < list->count && result == 0; i++) {
		const struct input *input = &list->inputs[i];
		if (input->kind != KIND_IPTABLES && input->kind != KIND_EMPTY)
			continue;
		result = (input->append ? iptables_save_append
					: iptables_save_read)(ruleset, sink, input->source, input->family);
	}
	for (size_t i = 0; i < list->count && result == 0; i++)
		if (list->inputs[i].rendering) {
			const struct policy_tree **slot =
			    arena_push(ruleset->arena, (void **)&ruleset->policies, &ruleset->policy_count,
				       &ruleset->policy_capacity, sizeof(const struct policy_tree *));
			if (!slot)
				return -ENOMEM;
			*slot = list->inputs[i].rendering->tree;
			policy_rendering_place(list->inputs[i].rendering, ruleset);
			ruleset->translated = true;
		}
	return result == 0 && ruleset->policy_count ? policy_limits_check(ruleset, sink) : result;
}

/* What was nftables' and is taken for iptables': told once of each kind, at the first rule that has it. */
struct telling {
	struct diagnostics *sink;
	const struct rule *first[TRANSLATION_GAPS];
	size_t count[TRANSLATION_GAPS];
};

static void note_gap(void *context, enum translation_gap gap, const struct rule *rule)
{
	struct telling *telling = context;
	if (!telling->count[gap]++)
		telling->first[gap] = rule;
}

static void tell_gaps(const struct ruleset *ruleset, struct diagnostics *sink)
{
	static const char *const words[TRANSLATION_GAPS] = {
	    [GAP_AUTHENTICATION] =
		"of IPv6 packets with an authentication header (AH) weir takes it that rules "
		"look at the protocol behind it, as ip6tables does; nftables takes AH for "
		"the protocol, and such rules do not match them",
	    [GAP_ZERO_ADDRESS] =
		"weir takes it that no address that is all zeros (as a DHCP client's) is added "
		"to a set, as ipset does; nftables adds it",
	    [GAP_FULL_TABLE] =
		"weir takes it that a packet is dropped where the set of a limit has no place for "
		"another address, as hashlimit does; in nftables the rule does not match it",
	    [GAP_INTERFACE_NAME] =
		"weir takes it that copies follow the name of the interface, as TEE does; dup "
		"has the one that was there when the rules were loaded",
	};
	struct telling telling = {.sink = sink};
	translation_gaps(ruleset, note_gap, &telling);
	for (int gap = 0; gap < TRANSLATION_GAPS; gap++)
		if (telling.count[gap])
			diagnostic_add(sink, SEVERITY_NOTE, translation_codes[gap], telling.first[gap]->span,
				       "%s (%zu rule%s)", words[gap], telling.count[gap],
				       telling.count[gap] == 1 ? "" : "s");
}

static bool has_kind(const struct inputs *list, enum source_kind kind)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->inputs[i].kind == kind)
			return true;
	return false;
}

/* `result` of finding them; takes the fresh ruleset over. */
static int load_inputs(struct inputs *list, struct ruleset *fresh, int result, size_t errors,
		       struct diagnostics *sink, struct ruleset **ruleset)
{
	for (size_t i = 0; i < list->count && result == 0; i++)
		result = classify(list, i, fresh->arena, sink);
	if (result == 0)
		result = read_inputs(list, fresh, sink);
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0 && has_kind(list, KIND_NFT))
		tell_gaps(fresh, sink);
	if (result == 0)
		*ruleset = fresh;
	else if (fresh)
		diagnostics_keep(sink, fresh->arena); /* with the sources that the messages show */
	return result;
}

int rules_load(const char *const *paths, size_t count, struct diagnostics *sink, struct ruleset **ruleset)
{
	return rules_load_feeds(paths, count, NULL, sink, ruleset);
}

int rules_load_feeds(const char *const *paths, size_t count, const char *feed_directory,
		     struct diagnostics *sink, struct ruleset **ruleset)
{
	struct ruleset *fresh = ruleset_new();
	struct inputs list = {.feed_directory = feed_directory};
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && result == 0; i++)
		result = read_path(&list, fresh->arena, paths[i], sink);
	return load_inputs(&list, fresh, result, errors, sink, ruleset);
}

int rules_load_texts(const struct rules_text *texts, size_t count, struct diagnostics *sink,
		     struct ruleset **ruleset)
{
	struct ruleset *fresh = ruleset_new();
	struct inputs list = {0};
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && result == 0; i++) {
		if (texts[i].text.size > SOURCE_SIZE_MAX) {
			result = -EFBIG;
			break;
		}
		char *copy = arena_copy(fresh->arena, texts[i].text.data, texts[i].text.size);
		struct source *source =
		    copy ? source_new(fresh->arena, texts[i].name, copy, texts[i].text.size) : NULL;
		result = source ? inputs_add(&list, fresh->arena, source) : -ENOMEM;
	}
	return load_inputs(&list, fresh, result, errors, sink, ruleset);
}
