/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rulesets written as nftables' and read back: random ones without the lines that nftables has no exact words
 * for. nft(8) loads them in a network namespace of its own and lists them, and what is read of that must be,
 * for the diff with effects, what was written.
 *
 * nft_back [COUNT [SEED [RULES...]]]: with a seed that a failure printed and 1, that ruleset alone. RULES:
 * files, of which each one is a ruleset. With NFT_BACK_ALL in the environment all that differ are shown. */
#include "meaning/difference.h"
#include "mutants/lines.h"
#include "nftables/nft.h"
#include "random.h"
#include "read/nft_read.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 60
#define SEED 0x6e667462u
#define PASSES 400 /* of lines that are refused */
#define NODES (1u << 20)

enum { READ, LOADED, SAME, DECIDED, ASKED, LARGE, PROPERTIES };

static struct property properties[PROPERTIES] = {
    [READ] = {.name = "rulesets are read, and what is listed"},
    [LOADED] = {.name = "nft takes what is written"},
    [SAME] = {.name = "what is read back is what was written"},
    [DECIDED] = {.name = "most answers are decided"},
    [ASKED] = {.name = "few differ in what is asked alone"},
    [LARGE] = {.name = "a good part of the rules is left"},
};

static uint64_t tried, rules_drawn, rules_left, undecided, decided, asked_otherwise;

static void join_lines(const struct lines *lines, struct buffer *out)
{
	for (size_t i = 0; i < lines->count; i++)
		buffer_printf(out, "%s\n", lines->items[i]);
}

static struct ruleset *load(const struct side *side, struct diagnostics *sink)
{
	struct buffer tables = {0}, sets = {0};
	struct ruleset *ruleset = NULL;

	join_lines(&side->tables, &tables);
	join_lines(&side->sets, &sets);
	struct rules_text texts[2] = {{"rules", {tables.data, tables.size}},
				      {"sets", {sets.data, sets.size}}};
	rules_load_texts(texts, sets.size ? 2 : 1, sink, &ruleset);
	buffer_fini(&tables);
	buffer_fini(&sets);
	return ruleset;
}

/* Rules that name the set of that line. */
static void remove_users(struct side *side, size_t line, bool *gone)
{
	char name[64], word[80];

	if (line >= side->sets.count || sscanf(side->sets.items[line], "%*s %63s", name) != 1)
		return;
	snprintf(word, sizeof(word), " %s ", name);
	for (size_t i = 0; i < side->tables.count; i++)
		gone[i] |= strstr(side->tables.items[i], word) != NULL;
}

/* Takes the lines out that were refused. False: none was told. */
static bool remove_refused(struct side *side, const struct diagnostics *sink)
{
	struct json_object *list = diagnostics_json(sink);
	bool *gone = calloc(side->tables.count + 1, sizeof(*gone)), any = false;

	for (size_t i = 0; gone && i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i), *file, *line;
		if (!json_object_object_get_ex(entry, "file", &file) ||
		    !json_object_object_get_ex(entry, "line", &line) ||
		    strcmp(json_object_get_string(json_object_object_get(entry, "severity")), "error") != 0)
			continue;
		size_t number = (size_t)json_object_get_int(line) - 1;
		if (strcmp(json_object_get_string(file), "sets") == 0)
			remove_users(side, number, gone);
		else if (number < side->tables.count)
			gone[number] = true;
	}
	for (size_t i = side->tables.count; gone && i-- > 0;)
		if (gone[i]) {
			lines_remove(&side->tables, i);
			any = true;
		}
	free(gone);
	json_object_put(list);
	return any;
}

/* Some match of the line is not one whose answer weir knows of any packet. */
static bool asks_unknown(const char *line)
{
	static const char *const known[] = {"tcp", "udp", "multiport", "state", "iprange", "comment", "set"};

	for (const char *at = strstr(line, " -m "); at; at = strstr(at + 1, " -m ")) {
		size_t size = strcspn(at + 4, " "), i = 0;
		while (i < sizeof(known) / sizeof(*known) &&
		       (strlen(known[i]) != size || strncmp(known[i], at + 4, size) != 0))
			i++;
		if (i == sizeof(known) / sizeof(*known))
			return true;
	}
	return false;
}

/* A rule that takes several in nftables asks what is not known once, and they each. */
static bool remove_split(struct side *side, const struct ruleset *ruleset)
{
	struct nft_counted counted = {0};
	struct buffer script = {0};
	struct diagnostics *sink = diagnostics_new();
	bool *gone = calloc(side->tables.count + 1, sizeof(*gone)), any = false;

	nft_print_with(ruleset, &(struct nft_options){.counters = true, .counted = &counted}, &script, sink);
	for (size_t i = 0; gone && i + 1 < counted.count; i++) {
		struct span span = counted.rules[i]->span;
		if (counted.rules[i] != counted.rules[i + 1])
			continue;
		size_t line = source_locate(span.source, span.begin).line - 1;
		if (line < side->tables.count && asks_unknown(side->tables.items[line]))
			gone[line] = true;
	}
	for (size_t i = side->tables.count; gone && i-- > 0;)
		if (gone[i]) {
			lines_remove(&side->tables, i);
			any = true;
		}
	free(gone);
	free(counted.rules);
	buffer_fini(&script);
	diagnostics_free(sink);
	return any;
}

/* What nftables has words for, as its script. NULL: not to be had. */
static struct ruleset *write_nft(struct side *side, struct buffer *script)
{
	for (int pass = 0; pass < PASSES; pass++) {
		struct diagnostics *sink = diagnostics_new();
		struct ruleset *ruleset = load(side, sink);
		if (!ruleset) {
			diagnostics_free(sink);
			return NULL;
		}
		int error = nft_print(ruleset, script, sink);
		bool removed = error && remove_refused(side, sink);
		diagnostics_free(sink);
		if (!error && !remove_split(side, ruleset))
			return ruleset;
		removed |= !error;
		script->size = 0;
		ruleset_free(ruleset);
		if (!removed)
			return NULL;
	}
	return NULL;
}

static size_t count_rules(const struct side *side)
{
	size_t count = 0;

	for (size_t i = 0; i < side->tables.count; i++)
		count += is_rule(side->tables.items[i]);
	return count;
}

static void print_difference(const struct difference *difference)
{
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		if (chain->answer == DIFFERENCE_UNDECIDED)
			printf("#   %s %s: undecided: %s\n", table_names[chain->table],
			       hook_names[chain->hook], chain->reason);
		for (size_t k = 0; k < chain->region_count; k++)
			printf("#   %s %s: %s: was %s (%s), is %s (%s); where %s\n",
			       table_names[chain->table], hook_names[chain->hook], chain->regions[k].words,
			       chain->regions[k].before.verdict,
			       chain->regions[k].before.effects ? chain->regions[k].before.effects : "",
			       chain->regions[k].after.verdict,
			       chain->regions[k].after.effects ? chain->regions[k].after.effects : "",
			       chain->regions[k].unknowns ? chain->regions[k].unknowns : "anything");
	}
}

/* Effects without what is only asked, which nftables may ask in another order, or not where the rule can
 * match nothing. */
static void without_asking(const char *effects, struct buffer *out)
{
	for (const char *at = effects ? effects : ""; *at;) {
		const char *end = strstr(at, ", ");
		size_t size = end ? (size_t)(end - at) + 2 : strlen(at);
		if (strncmp(at, "asks ", 5) != 0)
			buffer_printf(out, "%.*s;", (int)(end ? size - 2 : size), at);
		at += size;
	}
}

static bool differs_in_more(const struct difference *difference)
{
	for (size_t i = 0; i < difference->chain_count; i++)
		for (size_t k = 0; k < difference->chains[i].region_count; k++) {
			const struct difference_region *region = &difference->chains[i].regions[k];
			struct buffer before = {0}, after = {0};
			without_asking(region->before.effects, &before);
			without_asking(region->after.effects, &after);
			bool same = strcmp(region->before.verdict, region->after.verdict) == 0 &&
				    before.size == after.size &&
				    (!before.size || memcmp(before.data, after.data, before.size) == 0);
			buffer_fini(&before);
			buffer_fini(&after);
			if (!same)
				return true;
		}
	return false;
}

static bool compare(const struct report_place *place, const struct side *side, struct ruleset *before,
		    struct ruleset *after, const struct nft_texts *texts, const struct buffer *script)
{
	const struct difference_options options = {.effects = true, .node_budget = NODES};
	struct difference *difference = NULL;

	if (difference_compute(before, after, &options, &difference))
		return report(&properties[SAME], place, false, "no answer");
	bool same = difference->answer != DIFFERENCE_FOUND || !differs_in_more(difference);
	if (difference->answer == DIFFERENCE_UNDECIDED) {
		undecided++;
	} else {
		decided++;
		report(&properties[SAME], place, same, "another ruleset");
		asked_otherwise += same && difference->answer == DIFFERENCE_FOUND;
	}
	if (!same && (properties[SAME].wrong <= 3 || getenv("NFT_BACK_ALL"))) {
		print_difference(difference);
		side_print(side, "what was written");
		printf("--- as nftables'\n%s--- as read\n%s%s%s\n", script->data,
		       texts->sets.data ? texts->sets.data : "",
		       texts->rules[0].data ? texts->rules[0].data : "",
		       texts->rules[1].data ? texts->rules[1].data : "");
	}
	difference_free(difference);
	return same;
}

/* 1: this machine cannot. */
static int read_back(const struct report_place *place, const struct side *side, struct ruleset *before,
		     const struct buffer *script)
{
	struct diagnostics *sink = diagnostics_new();
	struct buffer listed = {0}, said = {0};
	struct nft_texts texts = {0};
	struct ruleset *after = NULL;
	int error = nft_scratch_list((struct text){script->data, script->size}, "script", sink, &listed);

	if (error == -EPERM || error == -ENOENT) {
		diagnostics_free(sink);
		return 1;
	}
	diagnostics_print(sink, &said);
	report(&properties[LOADED], place, !error, "%s\n%s", said.data ? said.data : "", script->data);
	if (!error) {
		struct text json = {listed.data, listed.size};
		error = nft_read_json(json, "listed", NULL, sink, &texts);
		if (!error)
			error = rules_load_nft(json, "listed", NULL, sink, &after);
		diagnostics_print(sink, &said);
		report(&properties[READ], place, !error, "%s\n%s%s%s", said.data ? said.data : "",
		       script->data, texts.rules[0].data ? texts.rules[0].data : "",
		       texts.rules[1].data ? texts.rules[1].data : "");
		if (!error)
			compare(place, side, before, after, &texts, script);
	}
	if (after)
		ruleset_free(after);
	nft_texts_fini(&texts);
	buffer_fini(&listed);
	buffer_fini(&said);
	diagnostics_free(sink);
	return 0;
}

/* --exist renews what times out. Of a set where nothing does it says nothing, and nftables has no word for
 * it.
 */
static void remove_exist(struct side *side)
{
	char name[64], word[80];

	for (size_t i = 0; i < side->sets.count; i++) {
		if (strstr(side->sets.items[i], " timeout ") ||
		    sscanf(side->sets.items[i], "create %63s", name) != 1)
			continue;
		snprintf(word, sizeof(word), "-set %s ", name);
		for (size_t k = 0; k < side->tables.count; k++) {
			char *exist = strstr(side->tables.items[k], " --exist");
			if (exist && strstr(side->tables.items[k], word))
				memmove(exist, exist + 8, strlen(exist + 8) + 1);
		}
	}
}

static int try_side(struct side *side, uint64_t seed)
{
	struct report_place place = {.seed = seed};
	struct buffer script = {0};
	tried++;
	size_t drawn = count_rules(side);
	remove_exist(side);
	struct ruleset *ruleset = write_nft(side, &script);
	int skipped = 0;

	if (report(&properties[READ], &place, ruleset != NULL, "not read, or not written")) {
		rules_drawn += drawn;
		rules_left += count_rules(side);
		skipped = read_back(&place, side, ruleset, &script);
	}
	if (ruleset)
		ruleset_free(ruleset);
	buffer_fini(&script);
	return skipped;
}

static int try_seed(uint64_t seed)
{
	struct random random = {seed};
	struct drawn_rules text = {0};
	struct side side = {0};
	struct pool pool;
	struct rules_options options = {
	    .stateful = random_percent(&random, 60),
	    .forwarding = random_percent(&random, 60),
	    .effects = random_percent(&random, 50),
	    .nat = random_percent(&random, 30),
	    .session = random_percent(&random, 40),
	    .leaving = random_percent(&random, 15),
	    .security = random_percent(&random, 20),
	    .timed = random_percent(&random, 30),
	};
	static struct extension_choice choice;

	if (random_percent(&random, 50)) {
		extension_choose_modelled(&choice);
		options.extensions = &choice;
	}
	pool_fill(&pool, random_percent(&random, 60) ? FAMILY_IPV4 : FAMILY_IPV6, &random);
	rules_generate(&text, &pool, &options, &random);
	lines_split(&side.tables, text.tables.data, text.tables.size);
	lines_split(&side.sets, text.sets.data, text.sets.size);
	drawn_rules_fini(&text);
	int skipped = try_side(&side, seed);
	side_fini(&side);
	return skipped;
}

static int try_file(const char *path)
{
	struct side side = {0};
	char line[65536];
	FILE *file = fopen(path, "r");

	if (!file) {
		printf("# %s: %s\n", path, strerror(errno));
		return 1;
	}
	printf("# %s\n", path);
	/* With the comment that says of which family it is. */
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		lines_add(&side.tables, side.tables.count, line);
	}
	fclose(file);
	if (strstr(path, ".v4") || strstr(path, ".v6"))
		lines_add(&side.tables, 0,
			  strstr(path, ".v4") ? "# Generated by iptables-save v1.8.9"
					      : "# Generated by ip6tables-save v1.8.9");
	int skipped = try_side(&side, 0);
	printf("# %zu rules left\n", count_rules(&side));
	side_fini(&side);
	return skipped;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : COUNT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	int skipped = 0;

	printf("# seed 0x%" PRIx64 "\n", seed);
	for (int i = 3; i < argc && !skipped; i++)
		skipped = try_file(argv[i]);
	for (uint64_t i = 0; argc <= 3 && i < count && !skipped; i++)
		skipped = try_seed(count == 1 ? seed : random_seed(seed, i));
	if (skipped) {
		printf("1..0 # SKIP no nft, or no network namespace\n");
		return 0;
	}
	printf("# %" PRIu64 " rules drawn, %" PRIu64 " left; %" PRIu64 " rulesets, %" PRIu64
	       " decided, %" PRIu64 " undecided, %" PRIu64 " asked otherwise\n",
	       rules_drawn, rules_left, tried, decided, undecided, asked_otherwise);
	/* Of all that were tried: what was not even compared is not decided. */
	report(&properties[DECIDED], &(struct report_place){0}, decided && decided * 5 >= tried * 4,
	       "too few");
	report(&properties[ASKED], &(struct report_place){0}, asked_otherwise * 10 <= decided, "too many");
	report(&properties[LARGE], &(struct report_place){0}, rules_left && rules_left * 4 >= rules_drawn,
	       "too few");
	return report_finish(properties, PROPERTIES);
}
