/* The other end for the glue's test in a JVM: a pile with the mind of firmware, and factory and cloud beside it. Class
 * example.ble.Pile, whose methods these are; there is one pile in a process. */
#include <plugins/ble/term/example/post.h>

#include <jni.h>
#include <string.h>
#include <sys/random.h>

#define NAME(method) Java_example_ble_Pile_##method
#define KID 1
#define LIFE_S 3600

static struct post post;
static uint8_t root_key[32], cloud_key[32], root[32], cloud[32], holder[32], pile_key[32], order[16];
static struct ble_pile_visit *visit;
static struct ble_chain chain; /* the cloud's */

static jbyteArray give(JNIEnv *env, const void *data, int size)
{
	jbyteArray ret = size > 0 ? (*env)->NewByteArray(env, size) : NULL;

	if (ret)
		(*env)->SetByteArrayRegion(env, ret, 0, size, data);
	return ret;
}

static int take(JNIEnv *env, jbyteArray array, void *ret, int room)
{
	int size = (*env)->GetArrayLength(env, array);

	size = size < room ? size : room;
	(*env)->GetByteArrayRegion(env, array, 0, size, ret);
	return size;
}

static void random_bytes(void *ret, size_t size)
{
	while (getrandom(ret, size, 0) != (ssize_t)size)
		;
}

static void make_key(uint8_t secret[32], uint8_t public_key[32])
{
	random_bytes(secret, 32);
	ble_openssl_public(secret, public_key);
}

static void entry(uint8_t ret[BLE_KEY_ENTRY])
{
	memcpy(ret, (const uint8_t[]){ 0, 0, 0, KID }, 4);
	memcpy(ret + 4, cloud, 32);
}

JNIEXPORT void JNICALL NAME(make)(JNIEnv *env, jclass class, jbyteArray holder_public)
{
	struct ble_certificate from = { .version = 1, .kid = KID, .expires = UINT32_MAX };

	memset(&post, 0, sizeof(post));
	take(env, holder_public, holder, 32);
	make_key(root_key, root);
	make_key(cloud_key, cloud);
	make_key(post.key, pile_key);
	random_bytes(post.id, 16);
	random_bytes(order, 16);
	memcpy(from.pile_key, pile_key, 32);
	memcpy(from.pile, post.id, 16);
	memcpy(post.root, root, 32);
	post.certificate_size = (size_t)ble_certificate_write(&ble_openssl, &from, root_key, post.certificate,
							      sizeof(post.certificate));
	post_boot(&post);
	chain = (struct ble_chain){ .chain = post.pile.chain.chain };
	memcpy(chain.pile, post.id, 16);
}

JNIEXPORT jbyteArray JNICALL NAME(root)(JNIEnv *env, jclass class)
{
	return give(env, root, 32);
}

JNIEXPORT jbyteArray JNICALL NAME(order)(JNIEnv *env, jclass class)
{
	return give(env, order, 16);
}

JNIEXPORT jbyteArray JNICALL NAME(publicKey)(JNIEnv *env, jclass class, jbyteArray seed)
{
	uint8_t secret[32], public_key[32];

	take(env, seed, secret, 32);
	ble_openssl_public(secret, public_key);
	return give(env, public_key, 32);
}

JNIEXPORT jbyteArray JNICALL NAME(keyset)(JNIEnv *env, jclass class)
{
	struct ble_keyset it = { .has = BLE_HAS(BLE_KEYSET_VOUCHER_KEY) | BLE_HAS(BLE_KEYSET_RECEIPT_KEY),
				 .version = 1,
				 .root_kid = KID,
				 .number = 1 };
	uint8_t document[BLE_DOCUMENT_MAX];

	entry(it.voucher_key[0]);
	entry(it.receipt_key);
	return give(env, document, ble_keyset_write(&ble_openssl, &it, root_key, document, sizeof(document)));
}

JNIEXPORT jbyteArray JNICALL NAME(voucher)(JNIEnv *env, jclass class)
{
	struct ble_voucher it = { .version = 1,
				  .kid = KID,
				  .issued = 0x6b000000,
				  .not_before = 0x6b000000,
				  .expires = 0x6b000000 + LIFE_S,
				  .max_wh = 1000,
				  .currency = "EUR",
				  .flags = BLE_MAY_START | BLE_MAY_STOP | BLE_OFFLINE_OK };
	uint8_t document[BLE_DOCUMENT_MAX];

	memcpy(it.jti, order, 16);
	memcpy(it.order, order, 16);
	memcpy(it.pile, post.id, 16);
	memcpy(it.holder, holder, 32);
	return give(env, document, ble_voucher_write(&ble_openssl, &it, cloud_key, document, sizeof(document)));
}

/* ---- the connection -------------------------------------------------------------------------- */

JNIEXPORT void JNICALL NAME(connect)(JNIEnv *env, jclass class, jlong now_ms)
{
	visit = ble_pile_connect(&post.pile, (uint64_t)now_ms);
}

JNIEXPORT jint JNICALL NAME(receive)(JNIEnv *env, jclass class, jbyteArray value, jlong now_ms)
{
	uint8_t bytes[BLE_VALUE_MAX];
	int size = take(env, value, bytes, sizeof(bytes));

	return ble_pile_receive(visit, bytes, (size_t)size, (uint64_t)now_ms);
}

JNIEXPORT jbyteArray JNICALL NAME(segment)(JNIEnv *env, jclass class, jint mtu, jlong now_ms)
{
	uint8_t bytes[BLE_VALUE_MAX];

	return give(env, bytes, ble_pile_segment(visit, (unsigned)mtu, (uint64_t)now_ms, bytes, sizeof(bytes)));
}

JNIEXPORT void JNICALL NAME(disconnect)(JNIEnv *env, jclass class)
{
	ble_pile_disconnect(visit);
}

/* ---- the cloud ------------------------------------------------------------------------------- */

JNIEXPORT jint JNICALL NAME(ingest)(JNIEnv *env, jclass class, jbyteArray record)
{
	const struct ble_neighbours none = { NULL, NULL, NULL };
	uint8_t bytes[BLE_RECORD_MAX], hash[32];
	struct ble_record it;
	int size = take(env, record, bytes, sizeof(bytes));
	int r = ble_record_judge(&ble_openssl, pile_key, &chain, &none, bytes, (size_t)size, &it, hash);

	if (r == 0)
		ble_chain_move(&chain, &it, hash);
	return r;
}

JNIEXPORT jbyteArray JNICALL NAME(receipt)(JNIEnv *env, jclass class)
{
	struct ble_receipt it = { .kid = KID, .chain = chain.chain, .upto = chain.next - 1 };
	uint8_t document[BLE_DOCUMENT_MAX];

	memcpy(it.pile, post.id, 16);
	memcpy(it.hash, chain.head, 32);
	return give(env, document, ble_receipt_write(&ble_openssl, &it, cloud_key, document, sizeof(document)));
}

/* ---- what the pile holds --------------------------------------------------------------------- */

JNIEXPORT jboolean JNICALL NAME(charging)(JNIEnv *env, jclass class)
{
	return post.pile.state.sessions[0].active;
}

JNIEXPORT jint JNICALL NAME(started)(JNIEnv *env, jclass class)
{
	return (jint)post.pile.started;
}

JNIEXPORT jlong JNICALL NAME(pending)(JNIEnv *env, jclass class)
{
	return (jlong)ble_pile_pending(&post.pile);
}
