// A charging station made of Java-OCA-OCPP's SOAPClient, driven by JSON lines as station.js is: commands on stdin, what happens on stdout.
//
//   {"id": 1, "do": "connect", "url": "http://.../ocpp/soap", "identity": "CP001", "callback": "http://127.0.0.1:9722/cp"}
//   {"id": 2, "do": "call", "action": "BootNotification", "payload": {...}}
//   {"id": 3, "do": "answers", "answers": {"Reset": {"status": "Accepted"}}}
//
// Each gets {"id": N, "ok": ...} or {"id": N, "error": {...}}; what the server asks comes as {"asked": ACTION, "payload": {...}}.
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonDeserializer;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializer;
import eu.chargetime.ocpp.CallErrorException;
import eu.chargetime.ocpp.ClientEvents;
import eu.chargetime.ocpp.SOAPClient;
import eu.chargetime.ocpp.feature.profile.ClientCoreEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientCoreProfile;
import eu.chargetime.ocpp.feature.profile.ClientFirmwareManagementEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientFirmwareManagementProfile;
import eu.chargetime.ocpp.feature.profile.ClientLocalAuthListEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientLocalAuthListProfile;
import eu.chargetime.ocpp.feature.profile.ClientRemoteTriggerEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientRemoteTriggerProfile;
import eu.chargetime.ocpp.feature.profile.ClientReservationEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientReservationProfile;
import eu.chargetime.ocpp.feature.profile.ClientSmartChargingEventHandler;
import eu.chargetime.ocpp.feature.profile.ClientSmartChargingProfile;
import eu.chargetime.ocpp.model.Confirmation;
import eu.chargetime.ocpp.model.Request;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.ZonedDateTime;

public class SoapStation {
	private static final String[] PACKAGES = { "core", "firmware", "localauthlist", "remotetrigger", "reservation", "smartcharging" };
	private static final Gson GSON = new GsonBuilder()
		.registerTypeAdapter(ZonedDateTime.class, (JsonSerializer<ZonedDateTime>) (t, type, c) -> new JsonPrimitive(t.toInstant().toString()))
		.registerTypeAdapter(ZonedDateTime.class, (JsonDeserializer<ZonedDateTime>) (e, type, c) -> ZonedDateTime.parse(e.getAsString()))
		.create();
	private static volatile JsonObject answers = new JsonObject();
	private static SOAPClient client;

	private static synchronized void say(JsonObject message) {
		System.out.println(GSON.toJson(message));
		System.out.flush();
	}

	/** Of a profile's interface: every request is told, and answered as the test said. */
	private static <T> T handler(Class<T> events) {
		return events.cast(Proxy.newProxyInstance(events.getClassLoader(), new Class<?>[] { events }, (proxy, method, arguments) -> {
			String action = method.getName().replaceAll("^handle|Request$", "");
			JsonObject told = new JsonObject();
			told.addProperty("asked", action);
			told.add("payload", GSON.toJsonTree(arguments[0]));
			say(told);
			return answers.has(action) ? GSON.fromJson(answers.get(action), method.getReturnType()) : null;
		}));
	}

	private static JsonElement connect(JsonObject command) throws Exception {
		client = new SOAPClient(command.get("identity").getAsString(), new URL(command.get("callback").getAsString()),
			new ClientCoreProfile(handler(ClientCoreEventHandler.class)));
		client.addFeatureProfile(new ClientFirmwareManagementProfile(handler(ClientFirmwareManagementEventHandler.class)));
		client.addFeatureProfile(new ClientLocalAuthListProfile(handler(ClientLocalAuthListEventHandler.class)));
		client.addFeatureProfile(new ClientRemoteTriggerProfile(handler(ClientRemoteTriggerEventHandler.class)));
		client.addFeatureProfile(new ClientReservationProfile(handler(ClientReservationEventHandler.class)));
		client.addFeatureProfile(new ClientSmartChargingProfile(handler(ClientSmartChargingEventHandler.class)));
		client.connect(command.get("url").getAsString(), new ClientEvents() {
			public void connectionOpened() { }
			public void connectionClosed() { }
		});
		return new JsonObject();
	}

	private static Class<?> requestOf(String action) throws ClassNotFoundException {
		for (String name : PACKAGES) {
			try {
				return Class.forName("eu.chargetime.ocpp.model." + name + "." + action + "Request");
			} catch (ClassNotFoundException e) {
				continue;
			}
		}
		throw new ClassNotFoundException(action);
	}

	private static void call(JsonObject command) throws Exception {
		Request request = (Request) GSON.fromJson(command.get("payload"), requestOf(command.get("action").getAsString()));
		client.send(request).whenComplete((Confirmation answer, Throwable wrong) -> finish(command, GSON.toJsonTree(answer), wrong));
	}

	private static void finish(JsonObject command, JsonElement ok, Throwable wrong) {
		JsonObject message = new JsonObject(), error = new JsonObject();
		message.add("id", command.get("id"));
		if (wrong == null) {
			message.add("ok", ok);
		} else {
			error.addProperty("code", wrong instanceof CallErrorException ? ((CallErrorException) wrong).getErrorCode() : wrong.getClass().getName());
			error.addProperty("message", String.valueOf(wrong.getMessage()));
			message.add("error", error);
		}
		say(message);
	}

	private static void run(JsonObject command) {
		try {
			switch (command.get("do").getAsString()) {
			case "connect":
				finish(command, connect(command), null);
				break;
			case "call":
				call(command);
				break;
			case "answers":
				answers = command.getAsJsonObject("answers");
				finish(command, new JsonObject(), null);
				break;
			default:
				throw new IllegalArgumentException("unknown command");
			}
		} catch (Exception wrong) {
			finish(command, null, wrong);
		}
	}

	public static void main(String[] arguments) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line = in.readLine(); line != null; line = in.readLine())
			run(GSON.fromJson(line, JsonObject.class));
		System.exit(0);
	}
}
