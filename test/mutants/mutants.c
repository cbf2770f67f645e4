/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rulesets and what is almost one of them: what `weir diff` says of each pair is held against the engine, on
 * random packets that are near what was changed.
 *
 * mutants [MUTANTS [SEED [RULES...]]]: with a seed that a failure printed and 1, that pair alone. RULES:
 * files of one ruleset joined by commas; mutants of these in place of random ones. MUTANTS_SECONDS: so long,
 * however many. Every hundredth pair is tried with many packets. */
#include "base/clock.h"
#include "judge.h"
#include "mutate.h"
#include "parity/report.h"
#include "sets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANTS 200
#define PACKETS 250
#define PACKETS_MANY 100000
#define SEED 0x6d757461u
#define NODES (1u << 21)
#define NODES_SHORT 3000
#define ATTEMPTS 30
#define FAILURES_SHOWN 5
#define FILES_MAX 8

enum { READ, COMPUTED, SOUND, CONFIRMED, SAID, SAME, FOUND, DECIDED, MOVED, PROPERTIES };

static struct property properties[PROPERTIES] = {
    [READ] = {.name = "rulesets are read"},
    [COMPUTED] = {.name = "an answer comes"},
    [SOUND] = {.name = "what is equal no packet contradicts"},
    [CONFIRMED] = {.name = "the engine confirms the packets of regions"},
    [SAID] = {.name = "regions are said in words"},
    [SAME] = {.name = "rewrites that mean the same are equal, or undecided"},
    [FOUND] = {.name = "a good part of the mutants differs, and packets show it"},
    [DECIDED] = {.name = "most answers are decided"},
    [MOVED] = {.name = "of rules that move some come to the same for packets, some do not"},
};

struct tally {
	const char *name;
	uint64_t tried, refused, answers[3], shown; /* shown: some packet differs */
};

/* What becomes of the second ruleset. */
enum kind { SLIPS, REWRITES, MOVES, KINDS };

static struct tally tallies[KINDS][32];
static uint64_t moved, moved_same, moved_differ, moved_undecided, moved_shown;
static uint64_t pairs, refused, packets, regions, confirmed, with_unknowns, unsure, shown, undecided,
    failures;

struct trial {
	uint64_t seed;
	struct random random;
	struct pool pool;
	struct side before, after;
	enum kind kind;
	const char *names[4];
	size_t name_count;
};

/* --- rulesets
 * -------------------------------------------------------------------------------------------------- */

/* The diagram has no words for masks with holes: few of them, so that there is something to decide. */
static void fill_pool(struct pool *pool, const struct side *given, struct random *random)
{
	enum family family = random_percent(random, 60) ? FAMILY_IPV4 : FAMILY_IPV6;
	size_t line = given ? draw_rule(&given->tables, random) : SIZE_MAX;

	if (line != SIZE_MAX)
		family = FAMILY_IPV4;
	for (size_t i = 0; line != SIZE_MAX && i < given->tables.count; i++)
		if (is_rule(given->tables.items[i]) && line_family(given->tables.items[i]) == FAMILY_IPV6)
			family = FAMILY_IPV6;
	pool_fill(pool, family, random);
	for (size_t i = 0; i < POOL_SOURCES; i++)
		if (mask_length(family, pool->sources[i].mask) < 0 && random_percent(random, 97))
			pool->sources[i].mask = family_max(family);
}

static void draw_ruleset(struct trial *trial)
{
	static struct extension_choice choice;
	struct random *random = &trial->random;
	struct drawn_rules text = {0};

	struct rules_options options = {
	    .opaque = random_percent(random, 40),
	    .stateful = random_percent(random, 60),
	    .forwarding = random_percent(random, 60),
	    .effects = random_percent(random, 50),
	    .timed = random_percent(random, 30),
	    .nat = random_percent(random, 30),
	    .leaving = random_percent(random, 15),
	    .security = random_percent(random, 20),
	};
	if (random_percent(random, 45)) {
		extension_choose_modelled(&choice);
		options.extensions = &choice;
		options.session = random_percent(random, 50);
		options.unknown = random_percent(random, 30);
		options.hours = random_percent(random, 50);
	}
	rules_generate(&text, &trial->pool, &options, random);
	lines_split(&trial->before.tables, text.tables.data, text.tables.size);
	lines_split(&trial->before.sets, text.sets.data, text.sets.size);
	drawn_rules_fini(&text);
	if (random_percent(random, 40))
		more_sets(&trial->before, &trial->pool, random);
}

static bool read_whole(const char *path, struct buffer *text)
{
	FILE *file = fopen(path, "r");
	char part[65536];
	size_t size;

	if (!file)
		return false;
	while ((size = fread(part, 1, sizeof(part), file)) > 0)
		buffer_add(text, part, size);
	fclose(file);
	return !text->failed;
}

static bool is_ipset(const struct buffer *text)
{
	const char *create = memmem(text->data, text->size, "create ", 7);

	return create && (create == text->data || create[-1] == '\n') &&
	       !memmem(text->data, text->size, "\nCOMMIT", 7);
}

static bool read_side(const char *list, struct side *side)
{
	char *copy = strdup(list), *rest = copy;
	bool done = copy != NULL;

	for (char *path; done && (path = strsep(&rest, ","));) {
		struct buffer text = {0};

		done = read_whole(path, &text);
		if (done && text.size)
			lines_split(is_ipset(&text) ? &side->sets : &side->tables, text.data, text.size);
		buffer_fini(&text);
	}
	free(copy);
	return done;
}

/* --- mutants
 * --------------------------------------------------------------------------------------------------- */

static bool change_once(struct trial *trial, const struct mutation *list, size_t count, struct tally *own)
{
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		size_t chosen = random_below(&trial->random, (uint32_t)count);
		struct side fresh;
		struct buffer why = {0};

		side_copy(&fresh, &trial->after);
		bool done = list[chosen].change(&fresh, &trial->random);
		struct ruleset *ruleset = done ? side_load(&fresh, &why) : NULL;
		own[chosen].name = list[chosen].name;
		if (done && !ruleset) {
			own[chosen].refused++;
			refused++;
		}
		buffer_fini(&why);
		ruleset_free(ruleset);
		if (ruleset) {
			side_fini(&trial->after);
			trial->after = fresh;
			trial->names[trial->name_count++] = list[chosen].name;
			return true;
		}
		side_fini(&fresh);
	}
	return false;
}

static const struct mutation *mutations(enum kind kind, size_t *count)
{
	*count = kind == SLIPS ? slip_count : kind == REWRITES ? rewrite_count : move_count;
	return kind == SLIPS ? slips : kind == REWRITES ? rewrites : moves;
}

static bool make_mutant(struct trial *trial)
{
	uint32_t drawn = random_below(&trial->random, 100);
	unsigned times = drawn < 70 ? 1 : drawn < 90 ? 2 : 3;
	size_t count;

	drawn = random_below(&trial->random, 100);
	trial->kind = drawn < 25 ? REWRITES : drawn < 50 ? MOVES : SLIPS;
	const struct mutation *list = mutations(trial->kind, &count);
	side_copy(&trial->after, &trial->before);
	for (unsigned i = 0; i < times; i++)
		if (!change_once(trial, list, count, tallies[trial->kind]))
			return i > 0;
	return true;
}

/* Where chains differ: what it comes to. */
static void count_move(const struct judgement *judgement)
{
	moved += judgement->answer != DIFFERENCE_NONE;
	moved_same += judgement->answer != DIFFERENCE_NONE && judgement->fate == DIFFERENCE_NONE;
	moved_differ += judgement->fate == DIFFERENCE_FOUND;
	moved_undecided += judgement->fate == DIFFERENCE_UNDECIDED;
	moved_shown += judgement->ways_differ;
}

static void count_answer(const struct trial *trial, const struct judgement *judgement)
{
	size_t count;
	const struct mutation *list = mutations(trial->kind, &count);

	if (trial->kind == MOVES)
		count_move(judgement);
	pairs++;
	packets += judgement->packets;
	regions += judgement->regions;
	confirmed += judgement->confirmed;
	with_unknowns += judgement->with_unknowns;
	unsure += judgement->unsure;
	shown += judgement->engine_differs;
	undecided += judgement->answer == DIFFERENCE_UNDECIDED;
	for (size_t i = 0; i < count; i++)
		if (trial->name_count == 1 && strcmp(list[i].name, trial->names[0]) == 0) {
			struct tally *own = &tallies[trial->kind][i];
			own->tried++;
			own->answers[judgement->answer]++;
			own->shown += judgement->engine_differs;
			return;
		}
}

static void show_failure(const struct trial *trial, const struct question *question,
			 const struct judgement *judgement)
{
	if (failures++ >= FAILURES_SHOWN)
		return;
	printf("# seed 0x%016" PRIx64 "%s:", trial->seed, question->effects ? ", with effects" : "");
	for (size_t i = 0; i < trial->name_count; i++)
		printf(" %s,", trial->names[i]);
	printf(" %s\n", judgement->why.data ? judgement->why.data : "");
	judge_print_smallest(question, judgement);
}

static void judge_trial(struct trial *trial, bool many)
{
	struct question question = {
	    .sides = {&trial->before, &trial->after},
	    .pool = &trial->pool,
	    .effects = random_percent(&trial->random, 30),
	    .same = trial->kind == REWRITES,
	    .short_budget = random_percent(&trial->random, 5),
	    .packets = many ? PACKETS_MANY : PACKETS,
	    .seed = random_next(&trial->random),
	};
	struct judgement judgement;
	question.node_budget = question.short_budget ? NODES_SHORT : NODES;
	/* Of a rewrite both ways, as none of them is the first by nature. */
	if (trial->kind != SLIPS && random_percent(&trial->random, 50)) {
		question.sides[0] = &trial->after;
		question.sides[1] = &trial->before;
	}
	bool read = judge(&question, &judgement);
	properties[READ].compared++;
	properties[READ].wrong += !read;
	if (read) {
		static const int of_failure[] = {
		    [FAILURE_COMPUTE] = COMPUTED,  [FAILURE_UNSOUND] = SOUND,
		    [FAILURE_WITNESS] = CONFIRMED, [FAILURE_WORDS] = SAID,
		    [FAILURE_NOT_THE_SAME] = SAME,
		};
		properties[COMPUTED].compared++;
		properties[SOUND].compared += judgement.packets;
		properties[CONFIRMED].compared += judgement.regions;
		properties[SAID].compared += judgement.regions;
		properties[SAME].compared += trial->kind == REWRITES;
		if (judgement.failure)
			properties[of_failure[judgement.failure]].wrong++;
		count_answer(trial, &judgement);
	}
	if (!read || judgement.failure)
		show_failure(trial, &question, &judgement);
	judgement_fini(&judgement);
}

static void run(uint64_t seed, const struct side *given, bool many)
{
	struct trial trial = {.seed = seed, .random = {seed}};

	fill_pool(&trial.pool, given, &trial.random);
	if (given)
		side_copy(&trial.before, given);
	else
		draw_ruleset(&trial);
	if (make_mutant(&trial))
		judge_trial(&trial, many);
	side_fini(&trial.before);
	side_fini(&trial.after);
}

static void print_tallies(void)
{
	printf("# %" PRIu64 " pairs (%" PRIu64 " mutants refused by the reader), %" PRIu64
	       " packets; %" PRIu64 " pairs differ for some packet, %" PRIu64 " undecided; %" PRIu64
	       " regions, %" PRIu64 " confirmed, %" PRIu64 " hang on unknowns, of %" PRIu64
	       " the engine is unsure\n",
	       pairs, refused, packets, shown, undecided, regions, confirmed, with_unknowns, unsure);
	printf("# %" PRIu64 " rulesets with rules that moved: for packets on their whole way %" PRIu64
	       " the same, %" PRIu64 " differ (%" PRIu64 " shown by a packet), %" PRIu64 " undecided\n",
	       moved, moved_same, moved_differ, moved_shown, moved_undecided);
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < sizeof(tallies[kind]) / sizeof(tallies[kind][0]); i++) {
			const struct tally *own = &tallies[kind][i];
			if (own->tried || own->refused)
				printf("#   %-30s %6" PRIu64 " alone: %" PRIu64 " equal, %" PRIu64
				       " differ (%" PRIu64 " shown by a packet), %" PRIu64
				       " undecided; %" PRIu64 " refused\n",
				       own->name, own->tried, own->answers[DIFFERENCE_NONE],
				       own->answers[DIFFERENCE_FOUND], own->shown,
				       own->answers[DIFFERENCE_UNDECIDED], own->refused);
		}
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : MUTANTS;
	const char *own_seed = getenv("SEED"), *limit = getenv("MUTANTS_SECONDS");
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : own_seed ? strtoull(own_seed, NULL, 0) : SEED;
	double duration = limit ? strtod(limit, NULL) : 0, end = clock_seconds() + duration;
	struct side given[FILES_MAX] = {0};
	size_t given_count = 0;

	if (limit && !(duration > 0)) {
		printf("Bail out! MUTANTS_SECONDS is no number of seconds\n");
		return 1;
	}
	for (int i = 3; i < argc && given_count < FILES_MAX; i++)
		if (!read_side(argv[i], &given[given_count++])) {
			printf("Bail out! %s cannot be read\n", argv[i]);
			return 1;
		}
	printf("# seed 0x%016" PRIx64 "\n", seed);
	for (unsigned long i = 0; limit ? clock_seconds() < end : i < count; i++)
		run(count == 1 && argc > 2 ? seed : random_seed(seed, i),
		    given_count ? &given[i % given_count] : NULL, i % 100 == 99);
	print_tallies();
	for (size_t i = 0; i < given_count; i++)
		side_fini(&given[i]);
	/* Nothing is shown where nothing differs, or nothing is decided. */
	properties[FOUND].compared = properties[DECIDED].compared = pairs;
	properties[CONFIRMED].wrong += pairs >= 100 && unsure * 50 > regions;
	properties[FOUND].wrong = pairs >= 100 && shown * 10 < pairs;
	properties[MOVED].compared = pairs;
	properties[MOVED].wrong = pairs >= 300 && (moved_same * 20 < moved || moved_differ * 20 < moved);
	properties[DECIDED].wrong = pairs >= 100 && undecided * 4 > pairs;
	/* Among a few pairs there may be none that differ, or none that was only rewritten. */
	for (int i = CONFIRMED; i <= SAME && pairs && pairs < 100; i++)
		properties[i].compared += !properties[i].compared;
	return report_finish(properties, PROPERTIES);
}
