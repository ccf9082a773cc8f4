/* Packets of the binary cabinet family with commands 60 to 80 (Woshi, relink and others): length, command, version, XOR
 * of the payload, token, payload. Pure functions over bytes, for both ends. docs/protocols/powerbank.md has the family
 * as implemented. All numbers on the wire are big endian; a string is its length with the zero byte, its bytes, a zero
 * byte. */
#ifndef GV_WOSHI_H
#define GV_WOSHI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GV_WOSHI_HEADER 9        /* bytes: 2 length (without itself), 1 command, 1 version, 1 check, 4 token */
#define GV_WOSHI_PACKET_MAX 1024 /* bytes in all */
#define GV_WOSHI_VERSION 1
#define GV_WOSHI_TOKEN 0x11223344u /* what all cabinets of the family are given; no secret */
#define GV_WOSHI_TEXT_SIZE 65
#define GV_WOSHI_BANK_SIZE 17 /* 8 bytes in hex and the zero byte */
#define GV_WOSHI_SLOTS_MAX 99

enum gv_woshi_command {
	GV_WOSHI_LOGIN = 0x60,     /* C→S: random, magic, serial number; S→C: a result */
	GV_WOSHI_HEARTBEAT = 0x61, /* C→S, echoed */
	GV_WOSHI_VERSION_OF = 0x62,
	GV_WOSHI_SERVER = 0x63,    /* S→C: host, port, heartbeat; C→S: empty */
	GV_WOSHI_INVENTORY = 0x64, /* S→C: empty; C→S: the slots that hold a bank */
	GV_WOSHI_LEND = 0x65,      /* S→C: slot; C→S: slot, result, bank */
	GV_WOSHI_RETURN = 0x66,    /* C→S: slot, bank; S→C: slot, result */
	GV_WOSHI_REBOOT = 0x67,
	GV_WOSHI_ICCID = 0x69,
	GV_WOSHI_NETWORK = 0x72,
	GV_WOSHI_FORCE_EJECT = 0x80, /* S→C: slot; C→S: slot, result, bank */
};
enum gv_woshi_login { GV_WOSHI_LOGIN_FAILED, GV_WOSHI_LOGIN_OK, GV_WOSHI_LOGIN_TIME };
enum gv_woshi_return {
	GV_WOSHI_RETURN_SERVER_ERROR,
	GV_WOSHI_RETURN_OK,
	GV_WOSHI_RETURN_ABNORMAL,
	GV_WOSHI_RETURN_REPEATED,
	GV_WOSHI_RETURN_ILLEGAL,
	GV_WOSHI_RETURN_NOT_EMPTY,
};
struct gv_woshi_slot {
	uint8_t slot;
	char bank[GV_WOSHI_BANK_SIZE];
	uint8_t level; /* 0 to 4, of 20 % each, as it came */
};
/* One packet's meaning; which members count depends on the command and on who sends it. */
struct gv_woshi_packet {
	enum gv_woshi_command command;
	uint32_t token;
	uint32_t random;
	uint16_t magic;
	char text[GV_WOSHI_TEXT_SIZE]; /* LOGIN: the serial number; ICCID; VERSION_OF; SERVER: the host */
	uint16_t port;                 /* SERVER */
	uint8_t heartbeat_s;           /* SERVER */
	uint8_t slot;
	uint8_t result; /* LOGIN: enum gv_woshi_login; RETURN: enum gv_woshi_return; LEND, FORCE_EJECT: 1 is done */
	char bank[GV_WOSHI_BANK_SIZE]; /* 16 upper-case digits; "": none, eight zero bytes on the wire */
	uint8_t csq;                   /* NETWORK: signal, 0 to 31 */
	uint8_t bit_errors;            /* NETWORK: the class of the bit error rate */
	uint8_t network;               /* NETWORK: 2 GSM, 3 WCDMA, 5 Wi-Fi, 7 LTE; others do occur */
	struct gv_woshi_slot slots[GV_WOSHI_SLOTS_MAX];
	uint8_t n_slots;
};
enum gv_woshi_from { GV_WOSHI_CABINET, GV_WOSHI_SERVER_SIDE };
enum gv_woshi_error {
	GV_WOSHI_OK,
	GV_WOSHI_BAD_LENGTH,
	GV_WOSHI_BAD_VERSION,
	GV_WOSHI_BAD_CHECK,
	GV_WOSHI_BAD_COMMAND,
	GV_WOSHI_BAD_PAYLOAD
};
const char *gv_woshi_error_name(enum gv_woshi_error error);

struct gv_woshi_found {
	size_t used;               /* 0: more bytes are needed */
	bool packet;               /* *ret_packet is filled, or `error` says what was wrong with one */
	enum gv_woshi_error error; /* BAD_LENGTH: the stream has lost its step, close it; all bytes are used */
};
/* Takes the next packet, good or bad, from the front of a stream that `from` wrote. `used` 0: more bytes are needed;
 * they must be given again with what comes then, and are less than GV_WOSHI_PACKET_MAX. *ret_packet is filled for
 * GV_WOSHI_OK alone. The token is the caller's to judge. */
void gv_woshi_next(enum gv_woshi_from from, const uint8_t *data, size_t size, struct gv_woshi_packet *ret_packet,
		   struct gv_woshi_found *ret);
/* Writes a packet; its size, or -EINVAL for one that cannot be said (a slot beyond 1 to 99, a bank's id that is not 16
 * hex digits or all zeros, a text with other than printable ASCII), or -ENOBUFS. */
int gv_woshi_write(const struct gv_woshi_packet *packet, enum gv_woshi_from from, uint8_t *ret, size_t size);

#endif
