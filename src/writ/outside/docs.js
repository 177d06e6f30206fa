// The session cookie is sent by itself because the documentation and the API share an origin: log in with
// POST /login below, then every operation can be tried. A key given to "Authorize" comes before the cookie.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    filter: true,
    validatorUrl: null,
    defaultModelsExpandDepth: 0,
    displayOperationId: true,
    presets: [SwaggerUIBundle.presets.apis],
  });
};
