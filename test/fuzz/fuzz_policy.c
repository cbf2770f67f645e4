// SPDX-License-Identifier: GPL-2.0-or-later
/* Policies: read or refused; the sets of one that was read are in order and disjoint, its statements stand
 * where they say, and the rules and sets that it is rendered to are read without a word. Behind lines "---"
 * come what every other policy that it includes has, and what every list has. */
#include "fuzz.h"

#include "read/policy/render.h"

#include <errno.h>

#define NOW 1795000000
#define MEMBERS_MAX 5000 /* of sets that are rendered */

struct parts {
	struct text policy, included, list;
};

static struct text next_part(struct text *rest)
{
	const char *cut = rest->size ? memmem(rest->data, rest->size, "---\n", 4) : NULL;
	struct text part = {rest->data, cut ? (size_t)(cut - rest->data) : rest->size};

	*rest = cut ? (struct text){cut + 4, rest->size - part.size - 4} : (struct text){"", 0};
	return part;
}

static int read_part(void *context, struct arena *arena, const char *path, struct source **source)
{
	const struct parts *parts = context;
	size_t size = strlen(path);
	bool policy = size > 5 && strcmp(path + size - 5, ".weir") == 0;
	struct text text = policy ? parts->included : parts->list;

	if (strstr(path, "none"))
		return -ENOENT;
	*source = source_new(arena, path, text.data, text.size);
	return *source ? 0 : -ENOMEM;
}

static void check_span(struct span span)
{
	if (!span.source || span.begin > span.end || span.end > span.source->size)
		abort();
}

static uint64_t members(const struct policy_elements *elements)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		address addresses = element->high - element->low;
		sum += (addresses > MEMBERS_MAX ? MEMBERS_MAX : (uint64_t)addresses + 1) *
		       ((uint64_t)element->port_high - element->port_low + 1);
	}
	return sum;
}

/* Returns how many members it comes to. */
static uint64_t check_set(const struct policy_tree *tree, const struct policy_set *set)
{
	uint64_t sum = 0;

	for (enum family family = FAMILY_IPV4; family < FAMILY_COUNT; family++) {
		const struct policy_elements *elements = &set->elements[family];
		for (size_t i = 0; i < elements->count; i++) {
			const struct policy_element *b = &elements->elements[i], *a = i ? b - 1 : NULL;
			if (b->low > b->high || b->high > family_max(family) || b->port_low > b->port_high ||
			    (b->expires && b->expires <= NOW) ||
			    (b->protocol != 0) != policy_set_has_ports(set->type))
				abort();
			if (b->source)
				check_span(policy_element_span(tree, b));
			if (!a || a->protocol < b->protocol)
				continue;
			bool same = a->port_low == b->port_low && a->port_high == b->port_high;
			if (a->protocol > b->protocol ||
			    (same ? a->high >= b->low : a->port_high >= b->port_low))
				abort();
		}
		sum += members(elements);
	}
	return sum;
}

/* What it is rendered to is read. */
static void check_rendering(struct arena *arena, const struct policy_tree *tree)
{
	struct diagnostics *sink = diagnostics_new();
	struct policy_rendering *rendering = NULL;
	struct ruleset *ruleset = ruleset_new();

	if (!sink || !ruleset)
		abort();
	int result = policy_render(arena, tree, NULL, sink, &rendering);
	if (fuzz_wrong(sink) != (result == -EINVAL) || result == -ENOMEM)
		abort();
	if (result == 0 && rendering->sets.source)
		ipset_save_read(ruleset, sink, rendering->sets.source);
	for (enum family family = FAMILY_IPV4; result == 0 && family < FAMILY_COUNT; family++)
		if (rendering->rules[family].source)
			iptables_save_read(ruleset, sink, rendering->rules[family].source, family);
	if (result == 0 && fuzz_wrong(sink)) {
		struct buffer said = {0};
		diagnostics_print(sink, &said);
		fuzz_complain("what was rendered cannot be read", &said, NULL);
	}
	if (result == 0)
		policy_rendering_place(rendering, ruleset);
	ruleset_free(ruleset);
	diagnostics_free(sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct text rest = {(const char *)data, size};
	struct parts parts = {
	    .policy = next_part(&rest), .included = next_part(&rest), .list = next_part(&rest)};
	struct policy_options options = {
	    .read = read_part, .context = &parts, .feed_directory = "feeds", .now = NOW};
	struct policy_tree *tree = NULL;

	if (!arena || !sink)
		abort();
	struct source *source = source_new(arena, "fuzz.weir.d/edge", parts.policy.data, parts.policy.size);
	int result = policy_read(arena, sink, source, &options, &tree);
	if (fuzz_wrong(sink) != (result == -EINVAL) || (result == 0) != (tree != NULL))
		abort();
	policy_recognise(source);
	uint64_t sum = 0;
	for (size_t i = 0; tree && i < tree->set_count; i++)
		sum += check_set(tree, tree->sets[i]);
	for (size_t i = 0; tree && i < tree->statement_count; i++)
		check_span(tree->statements[i].span);
	if (tree && sum <= MEMBERS_MAX && tree->statement_count < 100)
		check_rendering(arena, tree);
	diagnostics_free(sink);
	arena_free(arena);
	return 0;
}
