/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir replay: a capture through the engine, packet by packet. A verdict is told only when it is certain;
 * what depends on things that a capture does not show (connection state, interfaces, matches that are not
 * modelled) is undecided, and the rule that it depends on is named. Fragments are judged one by one, as
 * without conntrack's reassembly. */
#include "command/replay.h"
#include "command/command.h"
#include "command/region_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char help[] =
    "usage: weir replay RULES... CAPTURE [options]\n"
    "\n"
    "Runs a pcap or pcapng file through the rules and counts verdicts and rules. Needs no privileges.\n"
    "\n"
    "  --live                  the rules of this network namespace instead of files, with those of weir "
    "apply\n"
    "  --interface NAME        the interface that the packets came in by (frames with a VLAN tag came in\n"
    "                          by one above it)\n"
    "  --mac ADDRESS           Ethernet: only frames to this address, broadcast and multicast are judged\n"
    "  --state STATE           what conntrack says of tracked packets: new, established, related,\n"
    "                          invalid, untracked; not given: unknown\n"
    "  --path input|forward    which way they go (input)\n"
    "  --local ADDR[/LEN]      these are the host's own (repeatable): packets to them go to INPUT, others "
    "to\n"
    "                          FORWARD; packets from them left the host, and go through OUTPUT\n"
    "  --conntrack HOW         unknown: states are not known; follow: connections are followed, those that\n"
    "                          may have been there before the capture are not known; empty: followed, and\n"
    "                          there were none before. Needs --local or --mac, to tell what the host sent\n"
    "  --tcp-be-liberal        as net.netfilter.nf_conntrack_tcp_be_liberal=1\n"
    "  --seed NUMBER           of what hangs on chance (0)\n"
    "  --write-dropped FILE    keep the packets that are dropped or rejected, as pcap\n"
    "  --write-tee FILE        keep the copies that TEE would send, as pcap\n"
    "  --json\n";

/* --- the command
 * ------------------------------------------------------------------------------------------------ */

enum {
	OPTION_LIVE = OPTION_OWN,
	OPTION_MAC,
	OPTION_STATE,
	OPTION_PATH,
	OPTION_WRITE,
	OPTION_WRITE_TEE,
	OPTION_CONNTRACK,
	OPTION_LIBERAL,
	OPTION_SEED,
	OPTION_JSON,
};

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"live", no_argument, NULL, OPTION_LIVE},
    {"interface", required_argument, NULL, OPTION_INTERFACE},
    {"mac", required_argument, NULL, OPTION_MAC},
    {"state", required_argument, NULL, OPTION_STATE},
    {"path", required_argument, NULL, OPTION_PATH},
    {"local", required_argument, NULL, OPTION_LOCAL},
    {"conntrack", required_argument, NULL, OPTION_CONNTRACK},
    {"tcp-be-liberal", no_argument, NULL, OPTION_LIBERAL},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"write-dropped", required_argument, NULL, OPTION_WRITE},
    {"write-tee", required_argument, NULL, OPTION_WRITE_TEE},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

static bool state_parse(const char *name, enum connection_state *state)
{
	for (unsigned candidate = 0; candidate < STATE_COUNT; candidate++) {
		if (strcasecmp(name, connection_state_name(candidate)) == 0) {
			*state = candidate;
			return true;
		}
	}
	return false;
}

static bool mac_parse(const char *text, uint8_t *mac)
{
	unsigned bytes[6];
	int end = 0;
	if (strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		   &bytes[5], &end) != 6 ||
	    end != 17)
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)bytes[i];
	return true;
}

static int take_interface(struct replay *replay)
{
	replay->interface = optarg;
	if (optarg[0] == '\0' || strlen(optarg) >= INTERFACE_NAME_MAX)
		return command_fail("replay", EXIT_USAGE, "--interface %s: not the name of an interface",
				    optarg);
	return EXIT_DONE;
}

static int take_state(struct replay *replay)
{
	replay->state_given = true;
	if (!state_parse(optarg, &replay->state))
		return command_fail("replay", EXIT_USAGE,
				    "--state %s: expected new, established, related, "
				    "invalid or untracked",
				    optarg);
	return EXIT_DONE;
}

static int take_conntrack(struct replay *replay)
{
	static const char *const names[] = {
	    [FOLLOW_NO] = "unknown", [FOLLOW_YES] = "follow", [FOLLOW_EMPTY] = "empty"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(optarg, names[i]) == 0) {
			replay->follow = (enum follow)i;
			return EXIT_DONE;
		}
	}
	return command_fail("replay", EXIT_USAGE, "--conntrack %s: expected unknown, follow or empty",
			    optarg);
}

static int take_way(struct replay *replay, int option)
{
	if (option == OPTION_MAC) {
		replay->mac_given = true;
		if (!mac_parse(optarg, replay->mac))
			return command_fail("replay", EXIT_USAGE,
					    "--mac %s: expected six hexadecimal bytes with colons", optarg);
		return EXIT_DONE;
	}
	replay->path_given = true;
	replay->path = strcmp(optarg, "forward") == 0 ? PATH_FORWARD : PATH_INPUT;
	if (replay->path == PATH_INPUT && strcmp(optarg, "input") != 0)
		return command_fail("replay", EXIT_USAGE, "--path %s: expected input or forward", optarg);
	return EXIT_DONE;
}

static int take_option(struct replay *replay, int option, bool *live)
{
	switch (option) {
	case OPTION_LIVE:
		*live = true;
		return EXIT_DONE;
	case OPTION_JSON:
		replay->json = true;
		return EXIT_DONE;
	case OPTION_LIBERAL:
		replay->liberal = true;
		return EXIT_DONE;
	case OPTION_WRITE:
		replay->write_path = optarg;
		return EXIT_DONE;
	case OPTION_WRITE_TEE:
		replay->tee_path = optarg;
		return EXIT_DONE;
	case OPTION_SEED:
		if (number_parse_c(text_of(optarg), UINT64_MAX, &replay->seed))
			return command_fail("replay", EXIT_USAGE, "--seed %s: expected a number", optarg);
		return EXIT_DONE;
	case OPTION_INTERFACE:
		return take_interface(replay);
	case OPTION_STATE:
		return take_state(replay);
	case OPTION_CONNTRACK:
		return take_conntrack(replay);
	case OPTION_MAC:
	case OPTION_PATH:
		return take_way(replay, option);
	default:
		return command_fail("replay", EXIT_USAGE, "weir replay --help lists the options");
	}
}

/* What goes together. */
static int check_options(const struct replay *replay)
{
	if (replay->state_given && replay->follow != FOLLOW_NO)
		return command_fail("replay", EXIT_USAGE,
				    "--state and --conntrack: either the state is given or it is followed");
	if (replay->path_given && replay->local_count)
		return command_fail("replay", EXIT_USAGE,
				    "--path and --local: either the way is given or the addresses say it");
	if (replay->follow != FOLLOW_NO && !replay->local_count && !replay->mac_given)
		return command_fail("replay", EXIT_USAGE,
				    "--conntrack: say --local ADDR or --mac ADDRESS, without which it is not "
				    "known what the host sent");
	if (replay->liberal && replay->follow == FOLLOW_NO)
		return command_fail("replay", EXIT_USAGE,
				    "--tcp-be-liberal: only with --conntrack follow or empty");
	return EXIT_DONE;
}

static int take_locals(struct replay *replay, const struct region_arguments *arguments)
{
	replay->locals = arena_array(replay->arena, arguments->local_count, sizeof(*replay->locals));
	if (!replay->locals)
		return command_fail("replay", EXIT_SYSTEM, "out of memory");
	for (size_t i = 0; i < arguments->local_count; i++) {
		const struct region_local *local = &arguments->locals[i];
		replay->locals[i] = (struct engine_local){local->family, local->low, local->high};
	}
	replay->local_count = arguments->local_count;
	return check_options(replay);
}

/* EXIT_DONE, or the exit code; *help_asked: there is nothing more to do. */
static int take_options(struct replay *replay, int argc, char **argv, bool *live, bool *help_asked)
{
	struct region_arguments arguments;
	int option, code = EXIT_DONE;
	region_arguments_init(&arguments);
	while (code == EXIT_DONE && !*help_asked &&
	       (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			*help_asked = true;
		} else if (option == OPTION_LOCAL) {
			int taken = region_arguments_take(&arguments, "replay", option, optarg);
			code = taken == 1 ? EXIT_DONE : taken == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE;
		} else {
			code = take_option(replay, option, live);
		}
	}
	if (code == EXIT_DONE && !*help_asked)
		code = take_locals(replay, &arguments);
	region_arguments_fini(&arguments);
	return code;
}

static int replay_main(int argc, char **argv)
{
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct replay replay = {.arena = arena, .path = PATH_INPUT};
	bool live = false, help_asked = false;
	if (!arena)
		return command_fail("replay", EXIT_SYSTEM, "out of memory");
	int code = take_options(&replay, argc, argv, &live, &help_asked);
	if (code != EXIT_DONE || help_asked)
		return code;
	if (optind >= argc)
		return command_fail("replay", EXIT_USAGE, "no capture given");
	replay.capture_path = argv[argc - 1];
	code = command_load((const char *const *)argv + optind, (size_t)(argc - 1 - optind), live, &ruleset);
	if (code != EXIT_DONE)
		return code;
	replay.ruleset = ruleset;
	code = replay_capture(&replay);
	if (code != EXIT_DONE)
		return code;
	if (replay.json)
		return replay_print_json(&replay);
	replay_print(&replay);
	return EXIT_DONE;
}

const struct command command_replay = {
    .name = "replay",
    .main = replay_main,
    .summary = "run a capture through the rules: verdicts, and a counter for each rule",
};
