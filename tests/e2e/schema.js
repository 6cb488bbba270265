// The documents of SmartThings Schema as JSON Schema, written from the protocol's fact sheet: every field we may send, its
// length, and nothing else.
const text = (maxLength) => ({ type: "string", minLength: 1, maxLength });
const object = (properties, required = Object.keys(properties)) => ({ type: "object", properties, required, additionalProperties: false });

const headers = (interactionType) =>
    object({
        schema: { const: "st-schema" },
        version: { const: "1.0" },
        interactionType: Array.isArray(interactionType) ? { enum: interactionType } : { const: interactionType },
        requestId: { type: "string", pattern: "^[a-zA-Z0-9.+-]{1,128}$" },
    });

const device = object(
    {
        externalDeviceId: text(256),
        friendlyName: text(100),
        deviceHandlerType: { enum: ["c2c-switch", "c2c-dimmer", "c2c-color-temperature-bulb", "c2c-rgb-color-bulb", "c2c-rgbw-color-bulb"] },
        manufacturerInfo: object(
            { manufacturerName: text(100), modelName: text(100), hwVersion: text(100), swVersion: text(100) },
            ["manufacturerName", "modelName"],
        ),
        deviceContext: object(
            { roomName: text(100), groups: { type: "array", items: text(100) }, categories: { type: "array", items: text(100), minItems: 1 } },
            ["categories"],
        ),
    },
    ["externalDeviceId", "friendlyName", "deviceHandlerType", "manufacturerInfo"],
);

const state = (capability, attribute, value, unit) =>
    object(
        {
            component: { const: "main" },
            capability: { const: `st.${capability}` },
            attribute: { const: attribute },
            value,
            ...(unit ? { unit: { const: unit } } : {}),
            timestamp: { type: "integer", minimum: 1_500_000_000_000 },
        },
        ["component", "capability", "attribute", "value"],
    );

const states = {
    type: "array",
    minItems: 1,
    items: {
        oneOf: [
            state("healthCheck", "healthStatus", { enum: ["online", "offline"] }),
            state("switch", "switch", { enum: ["on", "off"] }),
            state("switchLevel", "level", { type: "integer", minimum: 0, maximum: 100 }, "%"),
            state("colorTemperature", "colorTemperature", { type: "integer", minimum: 1, maximum: 30000 }, "K"),
            state("colorControl", "hue", { type: "number", minimum: 0, maximum: 100 }),
            state("colorControl", "saturation", { type: "number", minimum: 0, maximum: 100 }, "%"),
        ],
    },
    contains: state("healthCheck", "healthStatus", { enum: ["online", "offline"] }),
};

const deviceError = {
    type: "array",
    minItems: 1,
    items: object({
        errorEnum: { enum: ["DEVICE-DELETED", "RESOURCE-CONSTRAINT-VIOLATION", "DEVICE-UNAVAILABLE", "CAPABILITY-NOT-SUPPORTED", "DEVICE-OFFLINE"] },
        detail: text(256),
    }),
};

const deviceState = {
    type: "array",
    items: {
        oneOf: [object({ externalDeviceId: text(256), states }), object({ externalDeviceId: text(256), deviceError })],
    },
};

const authentication = object({ tokenType: { const: "Bearer" }, token: text(4096) });

export const documents = {
    discoveryResponse: object(
        { headers: headers("discoveryResponse"), devices: { type: "array", items: device }, requestGrantCallbackAccess: { const: true } },
        ["headers", "devices"],
    ),
    stateResponse: object({ headers: headers(["stateRefreshResponse", "commandResponse"]), deviceState }),
    stateCallback: object({ headers: headers("stateCallback"), authentication, deviceState }),
    discoveryCallback: object({ headers: headers("discoveryCallback"), authentication, devices: { type: "array", items: device, minItems: 1 } }),
    accessTokenRequest: object({
        headers: headers("accessTokenRequest"),
        callbackAuthentication: object({ grantType: { const: "authorization_code" }, code: text(4096), clientId: text(256), clientSecret: text(256) }),
    }),
    refreshAccessTokens: object({
        headers: headers("refreshAccessTokens"),
        callbackAuthentication: object({ grantType: { const: "refresh_token" }, refreshToken: text(4096), clientId: text(256), clientSecret: text(256) }),
    }),
};
