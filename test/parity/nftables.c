/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random rulesets on both of the kernel's packet filters: as iptables-legacy loads them, and as nft(8) loads
 * what nft_print() makes of them. The same frames are sent to either, and each rule must have counted the
 * same packets and bytes. What nft_print() refuses is taken out of the rules first; what it says aloud to be
 * different is not sent (predict.h: what iptables-nft takes otherwise).
 *
 * nftables [SECONDS [SEED]] */
#include "fixture.h"
#include "nftables/nft.h"
#include "probe.h"
#include "report.h"
#include "testbed.h"
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 12
#define SEED 0x6e667461u
#define ROUNDS 40 /* of taking out what is refused */
#define WAITS 100

enum { READ, LOADED, COUNTED, KEPT, HIT, PROPERTIES };

static struct property properties[PROPERTIES] = {
    [READ] = {.name = "generated rulesets are read"},
    [LOADED] = {.name = "nft loads what is written for it"},
    [COUNTED] = {.name = "each rule counts what it counts in iptables-legacy"},
    [KEPT] = {.name = "most of the rules have words in nftables"},
    [HIT] = {.name = "there are packets, and rules that count them"},
};

static struct totals {
	uint64_t rulesets, packets, rules, refused, counted;
} totals;

static bool check(const struct trial *trial, int property, bool right, const char *what)
{
	struct report_place place = {trial->seed, &trial->text, NULL, NULL};

	return report(&properties[property], &place, right, "%s: %s",
		      trial->family == FAMILY_IPV4 ? "IPv4" : "IPv6", what ? what : "");
}

/* --- Only what has words
 * -------------------------------------------------------------------------------------------------------------------
 */

static void remove_lines(struct buffer *text, const bool *gone, size_t lines)
{
	struct buffer kept = {0};
	size_t number = 1;

	for (char *at = text->data; at && at < text->data + text->size; number++) {
		char *end = memchr(at, '\n', (size_t)(text->data + text->size - at));
		size_t size = end ? (size_t)(end - at) + 1 : (size_t)(text->data + text->size - at);
		if (number >= lines || !gone[number])
			buffer_add(&kept, at, size);
		at += size;
	}
	buffer_fini(text);
	*text = kept;
}

/* Marks the lines that look up or fill a set. */
static void mark_set(const struct buffer *text, const char *name, bool *gone, size_t lines)
{
	size_t number = 1, size = strcspn(name, " ");

	for (const char *at = text->data; at && number < lines; number++) {
		const char *end = strchr(at, '\n');
		for (const char *found = strstr(at, "-set "); found && (!end || found < end);
		     found = strstr(found + 1, "-set "))
			if (strncmp(found + 5, name, size) == 0 && found[5 + size] == ' ')
				gone[number] = true;
		at = end ? end + 1 : NULL;
	}
}

/* Takes out what was refused. How many complaints there were. */
static size_t remove_refused(struct drawn_rules *text, const struct diagnostics *sink)
{
	struct json_object *list = diagnostics_json(sink);
	size_t count = list ? json_object_array_length(list) : 0, lines = 2, refused = 0;

	for (size_t i = 0; i < text->tables.size; i++)
		lines += text->tables.data[i] == '\n';
	bool *gone = calloc(lines, sizeof(*gone));
	for (size_t i = 0; i < count && gone; i++) {
		struct json_object *one = json_object_array_get_idx(list, i), *field;
		const char *message = NULL, *severity = "";
		int64_t line = 0;
		if (json_object_object_get_ex(one, "severity", &field))
			severity = json_object_get_string(field);
		if (json_object_object_get_ex(one, "message", &field))
			message = json_object_get_string(field);
		if (json_object_object_get_ex(one, "line", &field))
			line = json_object_get_int64(field);
		if (strcmp(severity, "error") != 0)
			continue;
		refused++;
		const char *set = message ? strstr(message, "of set ") : NULL;
		if (set)
			mark_set(&text->tables, set + strlen("of set "), gone, lines);
		else if (message && (set = strstr(message, "for set ")))
			mark_set(&text->tables, set + strlen("for set "), gone, lines);
		else if (line > 0 && (size_t)line < lines)
			gone[line] = true;
	}
	if (gone)
		remove_lines(&text->tables, gone, lines);
	free(gone);
	json_object_put(list);
	return refused;
}

static size_t rule_count(const struct buffer *text)
{
	size_t count = 0;

	for (const char *at = text->data; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		count += strncmp(at, "-A ", 3) == 0 || *at == '[';
	return count;
}

/* false: it is not read. */
static bool keep_words(struct trial *trial, struct buffer *why)
{
	size_t before = rule_count(&trial->text.tables);

	for (int round = 0; round < ROUNDS; round++) {
		struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
		struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) =
		    fixture_load(&trial->text, why);
		struct buffer script __attribute__((cleanup(buffer_fini))) = {0};
		if (!ruleset || !sink)
			return false;
		int error = nft_print(ruleset, &script, sink);
		if (!error) {
			totals.rules += before;
			totals.refused += before - rule_count(&trial->text.tables);
			return true;
		}
		if (error != -EINVAL || !remove_refused(&trial->text, sink)) {
			buffer_puts(why, "what is refused cannot be taken out");
			return false;
		}
	}
	buffer_puts(why, "always something else is refused");
	return false;
}

/* --- In nftables
 * -------------------------------------------------------------------------------------------------------------------
 */

/* The counters of all chains, in the order of the listing, to their rules. */
static bool add_listed(struct rule_tally *tally, const struct nft_counted *counted,
		       const struct buffer *listing)
{
	bool chain = false;
	size_t at = 0;

	for (const char *line = listing->data; line && *line;) {
		const char *end = strchr(line, '\n');
		size_t size = end ? (size_t)(end - line) : strlen(line);
		char *copy = strndup(line, size);
		const char *found = copy ? strstr(copy, "counter packets ") : NULL;
		uint64_t packets, bytes;

		if (!copy)
			return false;
		if (strncmp(copy, "\tchain ", 7) == 0 || strncmp(copy, "\tset ", 5) == 0)
			chain = copy[1] == 'c';
		if (chain && found &&
		    sscanf(found, "counter packets %" SCNu64 " bytes %" SCNu64, &packets, &bytes) == 2) {
			const struct rule *rule = at < counted->count ? counted->rules[at] : NULL;
			struct count *count =
			    rule ? tally_find(tally, rule->chain->table->id, rule->chain->name, rule->number)
				 : NULL;
			at++;
			if (count) {
				count->packets += packets;
				count->bytes += bytes;
			}
		}
		free(copy);
		line = end ? end + 1 : NULL;
	}
	return at == counted->count;
}

static bool load_script(const struct trial *trial, struct nft_counted *counted, struct buffer *why)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct buffer script __attribute__((cleanup(buffer_fini))) = {0};
	struct nft_options options = {.counters = true, .counted = counted};
	struct drawn_rules sentinel = {0};
	bool v4 = trial->family == FAMILY_IPV4;

	testbed_flush();
	/* Sees it come, and does nothing else. Of one priority the kernel asks first whoever came last. */
	buffer_printf(
	    &sentinel.tables,
	    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -s %s -j ACCEPT\nCOMMIT\n",
	    v4 ? SENTINEL_IPV4 "/32" : SENTINEL_IPV6 "/128");
	bool done = sink && !nft_print_with(trial->ruleset, &options, &script, sink) &&
		    !testbed_run(argv, &script, why) && !testbed_load(&sentinel, trial->family, true, why) &&
		    testbed_forwarding(trial->rules.forwarding) == 0;
	drawn_rules_fini(&sentinel);
	return done;
}

static bool run_nftables(const struct trial *trial, const struct rule_tally *alone, struct buffer *why)
{
	static const char *const flush[] = {"nft", "flush", "ruleset", NULL};
	const char *const argv[] = {"nft",  "list", "table", trial->family == FAMILY_IPV4 ? "ip" : "ip6",
				    "weir", NULL};
	struct buffer saved __attribute__((cleanup(buffer_fini))) = {0};
	struct nft_counted counted = {0};
	struct frame frames[TRIAL_FRAMES];
	bool differ = true, loaded = load_script(trial, &counted, why);

	check(trial, LOADED, loaded, why->data);
	for (size_t i = 0; i < trial->frame_count; i++)
		frames[i] = trial->frames[i].frame;
	bool sent = loaded && (!trial->tracked || !testbed_forget()) &&
		    !testbed_send(frames, trial->frame_count, trial->family, true, &saved);
	/* The sentinel may not have come as far as the last chain. */
	for (int wait = 0; sent && differ && wait < WAITS; wait++) {
		struct buffer listing __attribute__((cleanup(buffer_fini))) = {0};
		struct rule_tally tally = {0};
		why->size = 0;
		differ = testbed_run(argv, NULL, &listing) ||
			 tally_init(&tally, trial->ruleset, trial->family) ||
			 !add_listed(&tally, &counted, &listing) ||
			 tally_difference(alone, NULL, &tally, false, TALLY_RECEIVED, why);
		tally_fini(&tally);
		if (differ)
			usleep(5000);
	}
	free(counted.rules);
	testbed_run(flush, NULL, NULL);
	if (differ && !why->size)
		buffer_puts(why, !loaded ? "not loaded"
				 : !sent ? "the frames did not arrive"
					 : "other counters are listed");
	return !differ;
}

/* --- One ruleset
 * -------------------------------------------------------------------------------------------------------------------
 */

static void draw(struct trial *trial, const struct extension_choice *choice, struct random *random)
{
	struct pool pool;

	pool_fill(&pool, random_percent(random, 50) ? FAMILY_IPV4 : FAMILY_IPV6, random);
	trial->family = pool.family;
	trial->nft = trial->fragments = trial->bounds = true;
	trial->rules = (struct rules_options){
	    .kernel = true,
	    .stateful = random_percent(random, 60),
	    .forwarding = random_percent(random, 50),
	    .effects = random_percent(random, 40),
	    .timed = random_percent(random, 30),
	    .session = random_percent(random, 50),
	    .security = true,
	    .unknown = random_percent(random, 50),
	    .extensions = choice,
	};
	trial->tracked = trial->rules.stateful;
	rules_generate(&trial->text, &pool, &trial->rules, random);
	for (size_t i = 0; i < TRIAL_FRAMES; i++) {
		struct sent_frame *sent = &trial->frames[i];
		frame_plan_rich(&sent->plan, &pool, true, random);
		if (i && random_percent(random, 30)) {
			sent->plan = trial->frames[random_below(random, (uint32_t)i)].plan;
			sent->plan.tcp_flags = random_percent(random, 50) ? sent->plan.tcp_flags : 0x10;
		}
		frame_build(&sent->plan, &sent->frame);
	}
	trial->frame_count = TRIAL_FRAMES;
}

/* What this kernel may not have for nftables, or that hangs on chance. */
static void leave_out(struct extension_choice *choice)
{
	for (size_t i = 0; i < extension_line_count; i++)
		if ((extension_lines[i].place & PLACE_CHANCE) ||
		    strcmp(extension_lines[i].name, "NFQUEUE") == 0)
			choice->on[FAMILY_IPV4][i] = choice->on[FAMILY_IPV6][i] = false;
}

static void run_both(struct trial *trial)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally alone = {0};
	bool right = trial_load(trial, false, &why) && !tally_init(&alone, trial->ruleset, trial->family) &&
		     trial_send(trial, false, &alone, NULL, &why) && run_nftables(trial, &alone, &why);

	check(trial, COUNTED, right, why.data);
	totals.rulesets++;
	totals.packets += trial->frame_count;
	for (size_t i = 0; i < alone.count; i++)
		totals.counted += alone.counts[i].packets;
	tally_fini(&alone);
}

static void trial_run(uint64_t seed, const struct extension_choice *choice)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct random random = {seed};

	if (!trial)
		exit(99);
	trial->seed = seed;
	draw(trial, choice, &random);
	if (check(trial, READ, keep_words(trial, &why), why.data)) {
		int error = trial_prepare(trial, &why);
		if (!error)
			run_both(trial);
		else if (error != -EDOM)
			check(trial, READ, false, why.data ? why.data : strerror(-error));
	}
	testbed_flush();
	trial_fini(trial);
	free(trial);
}

int main(int argc, char **argv)
{
	static const char *const list[] = {"nft", "list", "ruleset", NULL};
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 0) : SECONDS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0},
			  listing __attribute__((cleanup(buffer_fini))) = {0};
	struct extension_choice choices[2];
	struct report_place place = {0};

	if (testbed_make(&why) || testbed_run(list, NULL, &listing)) {
		printf("1..0 # SKIP %s\n", why.data ? why.data : "nft does not work here");
		return 0;
	}
	printf("# seed 0x%016" PRIx64 ", for %lu seconds\n", seed, seconds);
	probe_extensions(&choices[0], &choices[1], &why);
	leave_out(&choices[0]);
	time_t end = time(NULL) + (time_t)seconds;
	for (uint64_t i = 0; i == 0 || time(NULL) < end; i++)
		trial_run(seconds ? random_seed(seed, i) : seed, &choices[0]);
	report(&properties[KEPT], &place, 2 * totals.refused < totals.rules,
	       "%" PRIu64 " of %" PRIu64 " refused", totals.refused, totals.rules);
	/* Rules that no packet meets count the same anywhere. */
	report(&properties[HIT], &place, totals.packets && totals.counted >= totals.packets,
	       "%" PRIu64 " packets, counted %" PRIu64 " times", totals.packets, totals.counted);
	printf("# %" PRIu64 " rulesets, %" PRIu64 " packets sent to each side, %" PRIu64 " of %" PRIu64
	       " rules refused; %" PRIu64 " packets counted by rules\n",
	       totals.rulesets, totals.packets, totals.refused, totals.rules, totals.counted);
	return report_finish(properties, PROPERTIES);
}
