/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP connections as net/netfilter/nf_conntrack_proto_tcp.c follows them, with its defaults: tcp_loose=1,
 * tcp_max_retrans=3, tcp_ignore_invalid_rst=0, and its timeouts. Where kernels differ this is 6.1 and newer:
 * a segment below the window, or an acknowledgement too old, leaves the packet its connection; before 6.1 it
 * was INVALID.
 *
 * The windows are not those of the ends: a middle box only sees what passes it. "Real Stateful TCP Packet
 * Filtering in IP Filter", Guido van Rooij, SANE 2000, is what the kernel's checks come from. */
#include "engine/flow.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <string.h>

#define NO TCP_NONE
#define SS TCP_SYN_SENT
#define SR TCP_SYN_RECEIVED
#define ES TCP_ESTABLISHED
#define FW TCP_FIN_WAIT
#define CW TCP_CLOSE_WAIT
#define LA TCP_LAST_ACK
#define TW TCP_TIME_WAIT
#define CL TCP_CLOSE
#define S2 TCP_SYN_SENT2
#define IV TCP_INVALID
#define IG TCP_IGNORED

/* By direction, kind of segment and state: the next state. */
/* clang-format off */
static const uint8_t transitions[FLOW_DIRECTIONS][6][TCP_STATES] = {
	{	/* from:      NO  SS  SR  ES  FW  CW  LA  TW  CL  S2 */
		[INDEX_SYN] =    {SS, SS, IG, IG, IG, IG, IG, SS, SS, S2},
		[INDEX_SYNACK] = {IV, IV, SR, IV, IV, IV, IV, IV, IV, SR},
		[INDEX_FIN] =    {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
		[INDEX_ACK] =    {ES, IV, ES, ES, CW, CW, TW, TW, CL, IV},
		[INDEX_RST] =    {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[INDEX_NONE] =   {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
	},
	{
		[INDEX_SYN] =    {IV, S2, IV, IV, IV, IV, IV, SS, IV, S2},
		[INDEX_SYNACK] = {IV, SR, IG, IG, IG, IG, IG, IG, IG, SR},
		[INDEX_FIN] =    {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
		[INDEX_ACK] =    {IV, IG, SR, ES, CW, CW, TW, TW, CL, IG},
		[INDEX_RST] =    {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[INDEX_NONE] =   {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
	},
};
/* clang-format on */

static const uint32_t timeouts[TCP_STATES] = {
    [TCP_SYN_SENT] = 120,  [TCP_SYN_RECEIVED] = 60, [TCP_ESTABLISHED] = 432000,
    [TCP_FIN_WAIT] = 120,  [TCP_CLOSE_WAIT] = 60,   [TCP_LAST_ACK] = 30,
    [TCP_TIME_WAIT] = 120, [TCP_CLOSE] = 10,        [TCP_SYN_SENT2] = 120,
};
#define TIMEOUT_RETRANSMITTED 300
#define TIMEOUT_UNACKNOWLEDGED 300
#define RETRANSMISSIONS_MAX 3
#define ACK_WINDOW_MIN 66000

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool after(uint32_t a, uint32_t b)
{
	return before(b, a);
}

/* tcp_valid_flags[]: PSH, ECE and CWR are always valid. */
bool tcp_flags_valid(uint8_t flags)
{
	enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, URG = 32 };
	switch (flags & (FIN | SYN | RST | ACK | URG)) {
	case SYN:
	case SYN | URG:
	case SYN | ACK:
	case RST:
	case RST | ACK:
	case FIN | ACK:
	case FIN | ACK | URG:
	case ACK:
	case ACK | URG:
		return true;
	default:
		return false;
	}
}

static enum tcp_index index_of(const struct segment *segment)
{
	if (segment->rst)
		return INDEX_RST;
	if (segment->syn)
		return segment->ack ? INDEX_SYNACK : INDEX_SYN;
	if (segment->fin)
		return INDEX_FIN;
	return segment->ack ? INDEX_ACK : INDEX_NONE;
}

/* --- options
 * ------------------------------------------------------------------------------------------------------- */

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_WINDOW = 3, OPTION_SACK_PERMITTED = 4, OPTION_SACK = 5 };

/* Behind *at the next option; NULL when there is none, or none that can be read. */
static const uint8_t *next_option(const struct segment *segment, uint32_t *at)
{
	while (*at < segment->option_size) {
		const uint8_t *option = segment->options + *at;
		uint32_t left = segment->option_size - *at;
		if (option[0] == OPTION_END)
			return NULL;
		if (option[0] == OPTION_NOP) {
			++*at;
			continue;
		}
		if (left < 2 || option[1] < 2 || option[1] > left)
			return NULL;
		*at += option[1];
		return option;
	}
	return NULL;
}

/* tcp_options(): nothing is changed where there are none. */
static void read_options(const struct segment *segment, struct tcp_side *side)
{
	uint32_t at = 0;
	if (segment->option_size == 0)
		return;
	side->scale = 0;
	side->flags = 0;
	for (const uint8_t *option; (option = next_option(segment, &at));) {
		if (option[0] == OPTION_SACK_PERMITTED && option[1] == 2)
			side->flags |= TCP_SACK_PERMITTED;
		if (option[0] == OPTION_WINDOW && option[1] == 3) {
			side->scale = option[2] > 14 ? 14 : option[2]; /* RFC 7323 2.3 */
			side->flags |= TCP_WINDOW_SCALE;
		}
	}
}

/* tcp_sack(): the highest right edge, of the first SACK option. */
static uint32_t read_sack(const struct segment *segment, uint32_t sack)
{
	uint32_t at = 0;
	for (const uint8_t *option; (option = next_option(segment, &at));) {
		if (option[0] != OPTION_SACK || option[1] < 10 || (option[1] - 2) % 8)
			continue;
		for (unsigned i = 6; i + 4 <= option[1]; i += 8) {
			uint32_t edge = (uint32_t)option[i] << 24 | (uint32_t)option[i + 1] << 16 |
					(uint32_t)option[i + 2] << 8 | option[i + 3];
			if (after(edge, sack))
				sack = edge;
		}
		break;
	}
	return sack;
}

/* --- the window
 * ---------------------------------------------------------------------------------------------------- */

enum window_answer { WINDOW_ACCEPT, WINDOW_IGNORE, WINDOW_INVALID };

/* tcp_init_sender() */
static void begin_side(struct tcp_side *sender, struct tcp_side *receiver, const struct segment *segment)
{
	sender->end = sender->max_end = segment->end;
	sender->max_window = segment->window ? segment->window : 1;
	read_options(segment, sender);
	/* RFC 7323: both must send the option, or neither scales. */
	if (!(sender->flags & receiver->flags & TCP_WINDOW_SCALE))
		sender->scale = receiver->scale = 0;
}

/* The first segment of this direction that is no SYN: the history is lost. */
static void join_side(struct tcp_side *sender, struct tcp_side *receiver, const struct segment *segment,
		      uint32_t sack)
{
	uint32_t window = (uint32_t)segment->window << sender->scale;
	sender->end = segment->end;
	sender->max_window = window ? window : 1;
	sender->max_end = segment->end + sender->max_window;
	if (receiver->max_window == 0)
		receiver->end = receiver->max_end = sack;
	else if (sack == receiver->end + 1)
		receiver->end++; /* likely an answer to a keepalive */
}

static bool sack_old(const struct tcp_side *sender, const struct tcp_side *receiver, uint32_t sack)
{
	uint32_t window = sender->max_window > ACK_WINDOW_MIN ? sender->max_window : ACK_WINDOW_MIN;
	return !after(sack, receiver->end - window - 1);
}

/* The four checks; what they find wrong counts only where the sender is not treated liberally. */
static enum window_answer check_window(struct tcp_side *sender, const struct tcp_side *receiver,
				       uint32_t sequence, uint32_t end, uint32_t sack)
{
	if (!before(sequence, sender->max_end + 1)) {
		uint32_t overshot = end - sender->max_end + 1;
		bool in_window = receiver->max_window && after(end, sender->end - receiver->max_window - 1);
		if (in_window && !sack_old(sender, receiver, sack) && overshot <= receiver->max_window &&
		    before(sack, receiver->end + 1)) {
			/* More than the receiver allowed, but its acknowledgement must be understood. */
			sender->end = end;
			sender->flags |= TCP_UNACKNOWLEDGED;
			return WINDOW_IGNORE;
		}
		return WINDOW_INVALID;
	}
	if (!before(sack, receiver->end + 1))
		return WINDOW_INVALID;
	if (receiver->max_window && !after(end, sender->end - receiver->max_window - 1))
		return WINDOW_IGNORE;
	return sack_old(sender, receiver, sack) ? WINDOW_IGNORE : WINDOW_ACCEPT;
}

static void count_retransmissions(struct tcp_tracking *tcp, enum flow_direction direction,
				  const struct segment *segment, uint32_t sequence, uint32_t ack,
				  uint32_t end)
{
	if (tcp->last_direction == direction && tcp->last_sequence == sequence &&
	    tcp->last_acknowledgement == ack && tcp->last_end == end && tcp->last_window == segment->window) {
		tcp->retransmissions++;
		return;
	}
	tcp->last_direction = (uint8_t)direction;
	tcp->last_sequence = sequence;
	tcp->last_acknowledgement = ack;
	tcp->last_end = end;
	tcp->last_window = segment->window;
	tcp->retransmissions = 0;
}

/* tcp_in_window() */
static enum window_answer follow_window(struct tcp_tracking *tcp, enum flow_direction direction,
					enum tcp_index index, const struct segment *segment, bool liberal)
{
	struct tcp_side *sender = &tcp->seen[direction], *receiver = &tcp->seen[!direction];
	uint32_t sequence = segment->sequence, end = segment->end, ack = segment->acknowledgement;
	uint32_t window = segment->window, sack = ack;
	if (receiver->flags & TCP_SACK_PERMITTED)
		sack = read_sack(segment, sack);
	if (sender->max_window == 0 && segment->syn) {
		begin_side(sender, receiver, segment);
		if (!segment->ack)
			return WINDOW_ACCEPT; /* simultaneous open */
	} else if (sender->max_window == 0) {
		join_side(sender, receiver, segment, sack);
	} else if (segment->syn && after(end, sender->end) &&
		   (tcp->state == TCP_SYN_SENT || tcp->state == TCP_SYN_RECEIVED)) {
		/* Begun anew with a higher number: RFC 9293 3.4.1. */
		begin_side(sender, receiver, segment);
		if (direction == FLOW_REPLY && !segment->ack)
			return WINDOW_ACCEPT;
	}
	if (!segment->ack || (segment->rst && ack == 0))
		ack = sack = receiver->end;
	if (segment->rst && sequence == 0 && tcp->state == TCP_SYN_SENT)
		sequence = end = sender->end; /* the answer to a SYN */

	enum window_answer answer = check_window(sender, receiver, sequence, end, sack);
	if (answer != WINDOW_ACCEPT)
		return liberal || (sender->flags & TCP_BE_LIBERAL) ? WINDOW_ACCEPT : answer;

	if (!segment->syn)
		window <<= sender->scale;
	if (sender->max_window < window + (sack - ack))
		sender->max_window = window + (sack - ack);
	if (after(end, sender->end)) {
		sender->end = end;
		sender->flags |= TCP_UNACKNOWLEDGED;
	}
	if (segment->ack && (!(sender->flags & TCP_MAXACK_SET) || after(ack, sender->max_ack))) {
		sender->max_ack = ack;
		sender->flags |= TCP_MAXACK_SET;
	}
	if (receiver->max_window && after(end, sender->max_end))
		receiver->max_window += end - sender->max_end;
	if (after(sack + window, receiver->max_end - 1))
		receiver->max_end = sack + window + (window == 0);
	if (ack == receiver->end)
		receiver->flags &= (uint8_t)~TCP_UNACKNOWLEDGED;
	if (index == INDEX_ACK)
		count_retransmissions(tcp, direction, segment, sequence, ack, end);
	return WINDOW_ACCEPT;
}

/* --- states
 * -------------------------------------------------------------------------------------------------------- */

bool tcp_begin(struct flow *flow, const struct segment *segment)
{
	struct tcp_tracking *tcp = &flow->tcp;
	uint8_t next = transitions[FLOW_ORIGINAL][index_of(segment)][TCP_NONE];
	if (next >= TCP_STATES)
		return false;
	memset(tcp, 0, sizeof(*tcp));
	struct tcp_side *side = &tcp->seen[FLOW_ORIGINAL];
	side->end = side->max_end = segment->end;
	side->max_window = segment->window ? segment->window : 1;
	if (next == TCP_SYN_SENT) {
		read_options(segment, side);
	} else {
		/* tcp_loose: picked up in the middle. Its scale is not known, so its windows do not count. */
		side->max_end += side->max_window;
		side->flags = TCP_SACK_PERMITTED | TCP_BE_LIBERAL;
		tcp->seen[FLOW_REPLY].flags = side->flags;
	}
	tcp->last_index = INDEX_NONE;
	return true;
}

/* A segment that may be valid or not, let through: what is needed to know from the answer. */
static void note_ignored(struct tcp_tracking *tcp, enum flow_direction direction, enum tcp_index index,
			 const struct segment *segment)
{
	uint8_t old = tcp->state;
	tcp->last_index = (uint8_t)index;
	tcp->last_direction = (uint8_t)direction;
	tcp->last_sequence = segment->sequence;
	tcp->last_end = segment->end;
	tcp->last_window = segment->window;
	if (index == INDEX_SYN && direction == FLOW_ORIGINAL) {
		struct tcp_side side = {0};
		read_options(segment, &side);
		tcp->last_flags = side.flags & (TCP_WINDOW_SCALE | TCP_SACK_PERMITTED);
		tcp->last_scale = side.flags & TCP_WINDOW_SCALE ? side.scale : 0;
		if (old == TCP_LAST_ACK)
			tcp->last_flags |= TCP_CHALLENGE_ACK;
	}
	if (old == TCP_SYN_SENT && index == INDEX_ACK && direction == FLOW_REPLY)
		tcp->last_acknowledgement = segment->acknowledgement;
}

/* A SYN-ACK that answers a SYN which was ignored: the ends agree, the entry did not. */
static bool answers_ignored_syn(const struct tcp_tracking *tcp, enum flow_direction direction,
				enum tcp_index index, const struct segment *segment)
{
	return index == INDEX_SYNACK && tcp->last_index == INDEX_SYN && tcp->last_direction != direction &&
	       segment->acknowledgement == tcp->last_end;
}

static void resynchronise(struct tcp_tracking *tcp, enum flow_direction direction)
{
	struct tcp_side *side = &tcp->seen[tcp->last_direction];
	side->end = side->max_end = tcp->last_end;
	side->max_window = tcp->last_window ? tcp->last_window : 1;
	side->scale = tcp->last_scale;
	tcp->last_flags &= (uint8_t)~TCP_CHALLENGE_ACK;
	side->flags = tcp->last_flags;
	memset(&tcp->seen[direction], 0, sizeof(tcp->seen[direction]));
}

static bool closing(uint8_t state) /* tcp_can_early_drop() */
{
	return state == TCP_FIN_WAIT || state == TCP_LAST_ACK || state == TCP_TIME_WAIT ||
	       state == TCP_CLOSE || state == TCP_CLOSE_WAIT;
}

enum rst_answer { RST_CHECK, RST_TAKEN, RST_INVALID };

/* TCP_CONNTRACK_CLOSE in nf_conntrack_tcp_packet(): RFC 5961 has a RST with any but the next number answered
 * by a challenge, so that it must not close the entry. */
static enum rst_answer judge_rst(const struct flow *flow, enum flow_direction direction,
				 const struct segment *segment, uint8_t *next)
{
	const struct tcp_tracking *tcp = &flow->tcp;
	const struct tcp_side *other = &tcp->seen[!direction];
	bool established = tcp->state == TCP_ESTABLISHED && (flow->connection.status & IPS_ASSURED);
	bool replied = flow->connection.status & IPS_SEEN_REPLY;
	uint32_t sequence = segment->sequence;
	if (closing(tcp->state))
		return RST_TAKEN;
	if ((other->flags & TCP_MAXACK_SET) && tcp->last_index != INDEX_SYN) {
		if (sequence == 0 && !established)
			return RST_CHECK;
		if (before(sequence, other->max_ack))
			return RST_INVALID;
		if (!established || sequence == other->max_ack)
			return RST_CHECK;
		if (tcp->last_index == INDEX_ACK && tcp->last_direction == direction &&
		    sequence == tcp->last_end)
			return RST_CHECK;
		*next = tcp->state;
	}
	bool to_ignored = (replied && tcp->last_index == INDEX_SYN) ||
			  (!(flow->connection.status & IPS_ASSURED) && tcp->last_index == INDEX_ACK);
	return to_ignored && segment->acknowledgement == tcp->last_end ? RST_TAKEN : RST_CHECK;
}

/* nf_tcp_handle_invalid(): a FIN or RST out of the window shortens the life of an established entry. */
static void shorten(struct flow *flow, enum flow_direction direction, enum tcp_index index, uint64_t now)
{
	struct tcp_tracking *tcp = &flow->tcp;
	if (!(flow->connection.status & IPS_ASSURED) || (index != INDEX_FIN && index != INDEX_RST))
		return;
	if (tcp->last_direction == direction ||
	    (tcp->last_index != INDEX_FIN && tcp->last_index != INDEX_RST)) {
		tcp->last_index = (uint8_t)index;
		tcp->last_direction = (uint8_t)direction;
		return;
	}
	if (flow->expires >= now + 120 * SECOND && flow->expires > now + TIMEOUT_UNACKNOWLEDGED * SECOND)
		flow->expires = now + TIMEOUT_UNACKNOWLEDGED * SECOND;
}

static uint32_t timeout_of(const struct tcp_tracking *tcp, enum tcp_index index)
{
	uint32_t timeout = timeouts[tcp->state];
	if (tcp->retransmissions >= RETRANSMISSIONS_MAX && timeout > TIMEOUT_RETRANSMITTED)
		return TIMEOUT_RETRANSMITTED;
	if (index == INDEX_RST)
		return timeouts[TCP_CLOSE];
	if (((tcp->seen[0].flags | tcp->seen[1].flags) & TCP_UNACKNOWLEDGED) &&
	    timeout > TIMEOUT_UNACKNOWLEDGED)
		return TIMEOUT_UNACKNOWLEDGED;
	if (tcp->last_window == 0 && timeout > TIMEOUT_RETRANSMITTED)
		return TIMEOUT_RETRANSMITTED;
	return timeout;
}

/* The segment is in the window: the entry moves. */
static enum tcp_answer move(struct flow *flow, enum flow_direction direction, enum tcp_index index,
			    uint8_t old, uint8_t next, uint64_t now)
{
	struct tcp_tracking *tcp = &flow->tcp;
	unsigned *status = &flow->connection.status;
	tcp->last_index = (uint8_t)index;
	tcp->last_direction = (uint8_t)direction;
	tcp->state = next;
	if (old != next && next == TCP_FIN_WAIT)
		tcp->seen[direction].flags |= TCP_CLOSE_INIT;
	uint32_t timeout = timeout_of(tcp, index);
	if (!(*status & IPS_SEEN_REPLY)) {
		if (index == INDEX_RST)
			return TCP_ANSWER_KILL; /* the only answer to a SYN */
		if (index == INDEX_SYN && old == TCP_SYN_SENT)
			return TCP_ANSWER_ACCEPT; /* a SYN again: not renewed */
		if (next == TCP_ESTABLISHED && timeout > TIMEOUT_UNACKNOWLEDGED)
			timeout = TIMEOUT_UNACKNOWLEDGED;
	} else if (next == TCP_ESTABLISHED && (old == TCP_SYN_RECEIVED || old == TCP_ESTABLISHED)) {
		*status |= IPS_ASSURED;
	}
	flow->expires = now + timeout * SECOND;
	return TCP_ANSWER_ACCEPT;
}

enum tcp_answer tcp_follow(struct flow *flow, enum flow_direction direction, const struct segment *segment,
			   bool liberal, uint64_t now)
{
	struct tcp_tracking *tcp = &flow->tcp;
	enum tcp_index index = index_of(segment);
	uint8_t old = tcp->state, next = transitions[direction][index][old];
	bool ignored = next == TCP_IGNORED;
	if (next == TCP_INVALID)
		return TCP_ANSWER_INVALID;
	if (next == TCP_SYN_SENT && old >= TCP_TIME_WAIT) {
		/* RFC 9293 3.6.1: a new connection may take the place of one in TIME-WAIT. */
		if (((tcp->seen[0].flags | tcp->seen[1].flags) & TCP_CLOSE_INIT) ||
		    (tcp->last_direction == direction && tcp->last_index == INDEX_RST))
			return TCP_ANSWER_REOPEN;
		ignored = true;
	}
	if (ignored && answers_ignored_syn(tcp, direction, index, segment)) {
		/* Which windows count from here on, where they did not before, kernels differ on. */
		if ((tcp->seen[0].flags | tcp->seen[1].flags) & TCP_BE_LIBERAL)
			return TCP_ANSWER_LOST;
		resynchronise(tcp, direction);
		old = TCP_SYN_SENT;
		next = TCP_SYN_RECEIVED;
		ignored = false;
	}
	if (ignored) {
		note_ignored(tcp, direction, index, segment);
		return TCP_ANSWER_ACCEPT;
	}
	/* Both called each other at once: the table alone is not up to it. */
	if (next == TCP_SYN_SENT2)
		tcp->last_flags |= TCP_SIMULTANEOUS;
	if (next == TCP_SYN_RECEIVED && direction == FLOW_REPLY && index == INDEX_ACK &&
	    (tcp->last_flags & TCP_SIMULTANEOUS))
		next = TCP_ESTABLISHED;
	if (next == TCP_TIME_WAIT && old == TCP_LAST_ACK && index == INDEX_ACK &&
	    tcp->last_direction != direction && tcp->last_index == INDEX_SYN &&
	    (tcp->last_flags & TCP_CHALLENGE_ACK)) {
		tcp->last_flags &= (uint8_t)~TCP_CHALLENGE_ACK; /* RFC 5961: it acknowledges no FIN */
		return TCP_ANSWER_ACCEPT;
	}
	enum rst_answer rst =
	    next == TCP_CLOSE && index == INDEX_RST ? judge_rst(flow, direction, segment, &next) : RST_CHECK;
	if (rst == RST_INVALID)
		return TCP_ANSWER_INVALID;
	if (rst == RST_CHECK) {
		switch (follow_window(tcp, direction, index, segment, liberal)) {
		case WINDOW_IGNORE:
			return TCP_ANSWER_ACCEPT;
		case WINDOW_INVALID:
			shorten(flow, direction, index, now);
			return TCP_ANSWER_INVALID;
		case WINDOW_ACCEPT:
			break;
		}
	}
	return move(flow, direction, index, old, next, now);
}
