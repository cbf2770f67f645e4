// SPDX-License-Identifier: GPL-2.0-or-later
/* weir cost: what rules cost on this machine, measured in a network namespace of its own, alone and with weir
 * in front.
 *
 * The rules are loaded there as they are. The process moves into that namespace once and for all, so nothing
 * outside is touched, and whatever ends the process takes the namespace along. */
#include "command/cost.h"

#include "command/command.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: weir cost RULES... | --live  [--traffic CAPTURE] [--interface NAME] [--rate RATE]\n"
    "                                    [--packets N] [--flavour legacy|nft] [--allow LIST] [--json]\n"
    "Measures what the rules cost per packet, alone and with weir in front, in a network namespace of its "
    "own.\n"
    "  --live            the rules and sets of this host\n"
    "  --traffic FILE    packets of a pcap or pcapng, in place of packets found from the rules\n"
    "  --interface NAME  the interface they arrive at (default: the one that the rules name)\n"
    "  --rate RATE       packets a second, for the share of a core: 100k (default), 1.5M, 250000\n"
    "  --packets N       packets in each round (default: a fraction of a second)\n"
    "  --flavour NAME    load with iptables-legacy or iptables-nft (default: as the dump says)\n"
    "  --allow LIST      what weir may take away with a packet that is dropped, as in weir attach: reject, "
    "log, ...\n"
    "  --json            machine-readable\n";

struct options {
	bool live, json;
	const char *traffic, *interface;
	enum flavour flavour;
	double rate;
	uint32_t packets;
	unsigned allowed;
};

/* "100k", "1.5M", "250000" */
static bool parse_rate(const char *text, double *rate)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || errno)
		return false;
	if (*end == 'k' || *end == 'K')
		value *= 1e3, end++;
	else if (*end == 'M' || *end == 'm')
		value *= 1e6, end++;
	if (*end || !(value > 0) || value > 1e12)
		return false;
	*rate = value;
	return true;
}

/* dev_valid_name() of the kernel, and none of the names that the stage uses itself. */
static bool interface_valid(const char *name)
{
	return *name && strlen(name) < INTERFACE_NAME_MAX && strcmp(name, ".") && strcmp(name, "..") &&
	       !strpbrk(name, "/: \t\n\v\f\r") && strcmp(name, "lo") && strcmp(name, STAGE_THROUGH);
}

static int parse_options(int argc, char **argv, struct options *options)
{
	enum { LIVE = 256, TRAFFIC, INTERFACE, RATE, PACKETS, FLAVOUR, ALLOW, JSON };
	static const struct option known[] = {
	    {"live", no_argument, NULL, LIVE},
	    {"traffic", required_argument, NULL, TRAFFIC},
	    {"interface", required_argument, NULL, INTERFACE},
	    {"rate", required_argument, NULL, RATE},
	    {"packets", required_argument, NULL, PACKETS},
	    {"flavour", required_argument, NULL, FLAVOUR},
	    {"allow", required_argument, NULL, ALLOW},
	    {"json", no_argument, NULL, JSON},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	uint64_t number;
	int option;

	*options = (struct options){.rate = 100e3};
	optind = 1;
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case LIVE:
			options->live = true;
			break;
		case TRAFFIC:
			options->traffic = optarg;
			break;
		case INTERFACE:
			if (!interface_valid(optarg))
				return command_fail("cost", EXIT_USAGE, "'%s' cannot name the interface",
						    optarg);
			options->interface = optarg;
			break;
		case RATE:
			if (!parse_rate(optarg, &options->rate))
				return command_fail("cost", EXIT_USAGE, "'%s' is no rate: 100k, 1.5M, 250000",
						    optarg);
			break;
		case PACKETS:
			if (number_parse(text_of(optarg), 100000000, &number) || number < 1000)
				return command_fail("cost", EXIT_USAGE,
						    "--packets takes a number from 1000 to 100000000");
			options->packets = (uint32_t)number;
			break;
		case FLAVOUR:
			if (!strcmp(optarg, "legacy"))
				options->flavour = FLAVOUR_LEGACY;
			else if (!strcmp(optarg, "nft"))
				options->flavour = FLAVOUR_NFT;
			else
				return command_fail("cost", EXIT_USAGE,
						    "--flavour is legacy or nft, not '%s'", optarg);
			break;
		case ALLOW:
			if (command_parse_effects(optarg, &options->allowed))
				return command_fail("cost", EXIT_USAGE, "--allow does not know '%s'", optarg);
			break;
		case JSON:
			options->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (options->live ? optind != argc : optind == argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

struct votes {
	size_t count;
	struct {
		char name[INTERFACE_NAME_MAX];
		size_t rules;
	} names[64];
};

/* Bridges, which programs name so: rules speak of them a lot, but no frame arrives there that XDP could see
 * first. */
static bool bridge_named(const char *name)
{
	static const char *const prefixes[] = {"br-", "docker", "virbr", "lxcbr", "cni"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void vote(struct votes *votes, const struct interface_match *match)
{
	char name[INTERFACE_NAME_MAX + 1];
	size_t i;

	snprintf(name, sizeof(name), "%s%s", match->name, match->wildcard ? "0" : "");
	if (!*match->name || match->inverted || !interface_valid(name) || bridge_named(name))
		return;
	for (i = 0; i < votes->count && strcmp(votes->names[i].name, name); i++)
		;
	if (i == sizeof(votes->names) / sizeof(votes->names[0]))
		return;
	if (i == votes->count) {
		memcpy(votes->names[i].name, name, INTERFACE_NAME_MAX);
		votes->count++;
	}
	votes->names[i].rules++;
}

void cost_choose_interface(const struct ruleset *ruleset, char interface[INTERFACE_NAME_MAX])
{
	struct votes votes = {0};
	size_t best = 0;

	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int table = 0; table < TABLE_COUNT; table++)
			for (size_t c = 0; c < ruleset->tables[family][table].chain_count; c++)
				for (size_t i = 0; i < ruleset->tables[family][table].chains[c]->rule_count;
				     i++)
					vote(&votes, &ruleset->tables[family][table].chains[c]->rules[i].in);
	for (size_t i = 1; i < votes.count; i++)
		if (votes.names[i].rules > votes.names[best].rules)
			best = i;
	snprintf(interface, INTERFACE_NAME_MAX, "%s", votes.count ? votes.names[best].name : "eth0");
}

static int kind_new(struct cost *cost, struct cost_kind **kind)
{
	struct cost_kind *made = &cost->kinds[cost->kind_count];

	made->traffic.frames.arena = arena_new();
	if (!made->traffic.frames.arena)
		return -ENOMEM;
	memcpy(made->traffic.frames.destination, cost->stage.interface_mac, 6);
	memcpy(made->traffic.frames.source, cost->stage.through_mac, 6);
	cost->kind_count++;
	*kind = made;
	return 0;
}

int cost_find_traffic(struct cost *cost)
{
	static int (*const finders[])(const struct traffic_search *,
				      struct traffic *) = {traffic_find_dropped, traffic_find_accepted};
	static const char *const missing[] = {"no packet was found that the rules drop for certain",
					      "no packet was found that the rules accept for certain"};
	static const char *const names[] = {"dropped", "accepted"};
	struct cost_kind *kind;
	int error;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (!cost->ruleset->has_family[family])
			continue;
		for (size_t i = 0; i < 2; i++) {
			struct traffic_search search = {.ruleset = cost->ruleset,
							.region = cost->regions[family],
							.interface = cost->interface,
							.rejected = cost->allowed & EFFECT_REJECT,
							.seed = 1};

			error = kind_new(cost, &kind);
			if (error)
				return error;
			error = finders[i](&search, &kind->traffic);
			if (error && error != -ESRCH)
				return error;
			if (error) {
				kind->traffic.kind = names[i];
				kind->missing = missing[i];
			}
		}
	}
	return 0;
}

static int run(struct cost *cost, const struct options *options)
{
	struct buffer why = {0}, out = {0};
	struct cost_kind *kind;
	int error, code;

	error = cost_compile(cost, &why);
	if (error) {
		code = command_fail("cost", EXIT_SYSTEM, "%s", why.data ? why.data : strerror(-error));
		goto out;
	}
	error = stage_open(&cost->stage, cost->interface, &why);
	if (error) {
		code = command_fail("cost", EXIT_SYSTEM, "%s", why.data ? why.data : strerror(-error));
		goto out;
	}
	if (options->traffic) {
		error = kind_new(cost, &kind);
		if (!error)
			error = traffic_read(options->traffic, &kind->traffic, &why);
		if (error) {
			code = command_fail("cost", error == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE, "%s: %s",
					    options->traffic, why.data ? why.data : strerror(-error));
			goto out;
		}
	} else {
		error = cost_find_traffic(cost);
		if (error) {
			code = command_fail("cost", EXIT_SYSTEM, "looking for packets: %s", strerror(-error));
			goto out;
		}
	}
	error = cost_measure(cost, &why);
	if (error) {
		code = command_fail("cost", EXIT_SYSTEM, "%s", why.data ? why.data : strerror(-error));
		goto out;
	}
	if (options->json) {
		code = command_print_json(cost_json(cost));
		goto out;
	}
	cost_print(cost, &out);
	code = out.failed || fwrite(out.data, 1, out.size, stdout) != out.size || fflush(stdout)
		   ? command_fail("cost", EXIT_SYSTEM, "writing: %s", strerror(errno))
		   : EXIT_DONE;
out:
	buffer_fini(&why);
	buffer_fini(&out);
	return code;
}

void cost_fini(struct cost *cost)
{
	stage_close(&cost->stage);
	plane_cleanup(&cost->plane);
	for (int family = 0; family < FAMILY_COUNT; family++)
		region_cleanup(&cost->regions[family]);
	for (size_t k = 0; k < cost->kind_count; k++)
		arena_cleanup(&cost->kinds[k].traffic.frames.arena);
}

static int cost_main(int argc, char **argv)
{
	__attribute__((cleanup(ruleset_cleanup))) struct ruleset *ruleset = NULL;
	struct cost cost = {0};
	struct options options;
	int code = parse_options(argc, argv, &options);

	if (code)
		return code < 0 ? EXIT_DONE : code;
	code =
	    command_load((const char *const *)argv + optind, (size_t)(argc - optind), options.live, &ruleset);
	if (code)
		return code;
	cost.ruleset = ruleset;
	cost.rate = options.rate;
	cost.packets = options.packets;
	cost.allowed = options.allowed;
	for (int family = 0; family < FAMILY_COUNT; family++)
		cost.flavours[family] = options.flavour ? options.flavour : ruleset->flavour[family];
	if (options.interface)
		snprintf(cost.interface, sizeof(cost.interface), "%s", options.interface);
	else
		cost_choose_interface(ruleset, cost.interface);
	code = run(&cost, &options);
	cost_fini(&cost);
	return code;
}

const struct command command_cost = {
    .name = "cost",
    .main = cost_main,
    .summary = "measure what rules cost per packet, alone and with weir in front",
};
