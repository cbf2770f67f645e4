/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Layout 0 is always the plain one: a plan of zeros gives what it always gave. */
#include "frames_header.h"

#include <string.h>

struct bytes {
	unsigned size;
	const char *data;
};

#define BYTES(literal)                                                                                       \
	{                                                                                                    \
		sizeof(literal) - 1, literal                                                                 \
	}

/* --- TCP
 * ------------------------------------------------------------------------------------------------------ */

/* length: the header's, in words; 0: as it is. */
static const struct {
	struct bytes options;
	unsigned length;
} tcp_layouts[TCP_LAYOUTS] = {
    {BYTES(""), 0},
    {BYTES("\x02\x04\x05\xb4"), 0},
    {BYTES("\x02\x04\x02\x18\x04\x02\x01\x01"), 0},
    {BYTES("\x01\x01\x08\x0a\0\0\0\1\0\0\0\2"), 0},
    {BYTES("\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\x08\x0a\0\0\0\1\0\0\0\0"), 0},
    {BYTES("\x00\x02\x04\x05\xb4\x01\x01\x01"), 0}, /* behind the end of the list */
    {BYTES("\x03\x00\x02\x04\x05\xb4\x01\x01"), 0}, /* a length of 0 */
    {BYTES("\x01\x01\x05\x0a\x02\x04\x05\xb4"), 0}, /* a length that leads behind the header */
    {BYTES("\x02\x03\x05\xb4"), 0},                 /* the wrong length */
    {BYTES("\x01\x01\x01\x02"), 0},                 /* nothing behind its kind */
    {BYTES("\x02\x04\x00\x00\x1e\x04\x00\x00\x02\x04\x05\xb4"), 0},
    {BYTES("\x01\x03\x02\x01"), 0},  /* a length of 1 would not go on */
    {BYTES("\x02\x04\x05\xb4"), 4},  /* shorter than a header */
    {BYTES("\x02\x04\x05\xb4"), 15}, /* longer than the packet, perhaps */
};

unsigned header_tcp(const struct frame_plan *plan, uint8_t *at)
{
	const struct bytes *options = &tcp_layouts[plan->tcp_options].options;
	unsigned size = 20 + options->size, length = tcp_layouts[plan->tcp_options].length;

	at[7] = (uint8_t)(1 + plan->sequence);
	at[11] = plan->acknowledgement;
	at[12] = (uint8_t)((length ? length : size / 4) << 4);
	at[13] = plan->tcp_flags;
	at[14] = 1024 >> 8; /* window */
	memcpy(at + 20, options->data, options->size);
	return size;
}

bool header_tcp_malformed(const struct frame_plan *plan)
{
	return plan->protocol == 6 && tcp_layouts[plan->tcp_options].length;
}

/* --- SCTP, DCCP, mobility
 * ------------------------------------------------------------------------------------- */

static const struct bytes sctp_layouts[SCTP_LAYOUTS] = {
    BYTES("\1\0\0\4"),
    BYTES("\1\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\x10\0\0\0\0\0\0\0\0\0\0\0\0"),
    BYTES("\0\3\0\x10\0\0\0\0\0\0\0\0\0\0\0\0"),
    BYTES("\3\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\6\1\0\4"),
    BYTES("\x0a\0\0\5\1\0\0\0\0\2\0\4"),
    BYTES("\x0e\1\0\4"),
    BYTES("\6\0\0\4"),
    BYTES("\1\0\0\0"),           /* a length of 0 */
    BYTES("\0\3\0\4\1\0\0"),     /* a chunk cut off */
    BYTES("\0\0\0\x40\0\0\0\0"), /* a length that leads behind the packet */
    BYTES(""),                   /* no chunk */
};

unsigned header_sctp(const struct frame_plan *plan, uint8_t *at)
{
	const struct bytes *chunks = &sctp_layouts[plan->variant % SCTP_LAYOUTS];

	memcpy(at + 12, chunks->data, chunks->size);
	return 12 + chunks->size;
}

/* Type, whether sequence numbers are long, bytes behind the generic header as they belong to the type,
 * options; length: the header's, in words; 0: as it is. */
static const struct {
	uint8_t type, extended, more;
	struct bytes options;
	unsigned length;
} dccp_layouts[DCCP_LAYOUTS] = {
    {0, 0, 4, BYTES(""), 4},
    {0, 1, 4, BYTES(""), 0},
    {0, 1, 4, BYTES("\x01\x02\x20\x04\0\0\0\0"), 0},
    {1, 1, 12, BYTES("\x2c\x03\1\x00"), 0},
    {2, 0, 0, BYTES(""), 0},
    {3, 1, 8, BYTES("\x00\x00\x02\x00"), 0},
    {4, 0, 8, BYTES("\x20\x00\x2c\x02"), 0}, /* an option of length 0 */
    {5, 1, 8, BYTES(""), 0},
    {6, 1, 8, BYTES("\x2c\x10\0\0"), 0}, /* leads behind the options */
    {7, 1, 12, BYTES("\x02\x02\x02\x02"), 0},
    {8, 1, 8, BYTES(""), 0},
    {9, 1, 8, BYTES(""), 0},
    {12, 1, 8, BYTES(""), 0},        /* a type that there is not */
    {0, 1, 4, BYTES("\2\0\0\0"), 3}, /* shorter than it must be */
};

unsigned header_dccp(const struct frame_plan *plan, uint8_t *at)
{
	const __typeof__(*dccp_layouts) *layout = &dccp_layouts[plan->variant % DCCP_LAYOUTS];
	unsigned size = (layout->extended ? 16u : 12u) + layout->more;

	at[8] = (uint8_t)(layout->type << 1 | layout->extended);
	memcpy(at + size, layout->options.data, layout->options.size);
	size += layout->options.size;
	at[4] = (uint8_t)(layout->length ? layout->length : size / 4);
	return size;
}

unsigned header_mobility(const struct frame_plan *plan, uint8_t *at)
{
	static const uint8_t types[MOBILITY_LAYOUTS] = {0, 1, 5, 6, 7, 16, 255, 5};

	at[0] = plan->variant % MOBILITY_LAYOUTS == 7 ? 17 : 59; /* 59: nothing behind it, as must be */
	at[2] = types[plan->variant % MOBILITY_LAYOUTS];
	return 8;
}

/* --- IPv6 extension headers, without the first byte
 * ----------------------------------------------------------- */

static const struct bytes option_layouts[OPTION_LAYOUTS] = {
    BYTES("\0\0\1\4\0\0\0\0"), BYTES("\0\0\5\2\0\0\1\0"),   BYTES("\0\1\x1e\2\7\7\5\2\0\0\1\4\0\0\0\0"),
    BYTES("\0\0\0\0\0\0\0\0"), BYTES("\0\0\1\x09\0\0\0\0"), /* leads behind the header */
    BYTES("\0\5\1\4\0\0\0\0"),                              /* behind the packet, perhaps */
};

unsigned header_options(unsigned layout, uint8_t *at)
{
	const struct bytes *bytes = &option_layouts[layout];

	memcpy(at, bytes->data, bytes->size);
	return bytes->size;
}

#define NINE_1 "\x20\x01\x0d\xb8\0\x09\0\0\0\0\0\0\0\0\0\1"
#define NINE_2 "\x20\x01\x0d\xb8\0\x09\0\0\0\0\0\0\0\0\0\2"

static const struct bytes routing_layouts[ROUTING_LAYOUTS] = {
    BYTES("\0\0\2\0\0\0\0\0"), BYTES("\0\2\0\1\0\0\0\0" NINE_1), BYTES("\0\4\0\0\0\0\0\0" NINE_1 NINE_2),
    BYTES("\0\4\0\2\0\0\0\1" NINE_2 NINE_1), BYTES("\0\0\3\0\0\0\0\0"), BYTES("\0\2\2\1\0\0\0\0" NINE_1),
    /* Segment routing: segments left, last entry, flags, tag. */
    BYTES("\0\2\4\0\0\0\0\1" NINE_1), BYTES("\0\4\4\1\1\0\1\0" NINE_1 NINE_2),
    BYTES("\0\4\4\0\1\0\0\0" NINE_2 NINE_1),
    BYTES("\0\2\4\2\1\0\0\0" NINE_1), /* more are left than there are */
    BYTES("\0\2\4\1\2\0\0\0" NINE_2), /* the list ends behind the header */
    BYTES("\0\x14\0\0\0\0\0\0"),      /* leads behind the packet, perhaps */
};

unsigned header_routing(const struct frame_plan *plan, uint8_t *at)
{
	const struct bytes *bytes = &routing_layouts[plan->routing % ROUTING_LAYOUTS];

	memcpy(at, bytes->data, bytes->size);
	return bytes->size;
}

unsigned header_auth(const struct frame_plan *plan, uint8_t *at)
{
	unsigned size = plan->auth == 1 ? 24 : 16;

	memset(at, 0, size);
	at[1] = (uint8_t)(size / 4 - 2);
	at[3] = plan->auth == 2; /* reserved */
	for (int i = 0; i < 4; i++)
		at[4 + i] = (uint8_t)(plan->spi >> (24 - 8 * i));
	return size;
}

/* --- payload
 * -------------------------------------------------------------------------------------------------- */

void header_payload(const struct frame_plan *plan, uint8_t *at)
{
	static const struct bytes texts[TEXTS] = {
	    BYTES(""),      BYTES("GET /weir HTTP/1.1\r\n"), BYTES("xxWEIRr"), BYTES("weweirweiweir"),
	    BYTES("ZZZZZ"), BYTES("\0\0get /\0EIr HT"),
	};
	const struct bytes *text = &texts[plan->text];

	for (unsigned i = 0; i < plan->payload; i++)
		at[i] = text->size ? (uint8_t)text->data[i % text->size] : (uint8_t)(i * 7 + 1);
}
