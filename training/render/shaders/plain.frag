// The baked place without people, developed once.
uniform sampler2D ambient_map;
uniform sampler2D key_map;
layout(location = 0) out vec4 image;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec3 light = texelFetch(ambient_map, at, 0).rgb + texelFetch(key_map, at, 0).rgb;
    image = vec4(developed(light, gl_FragCoord.xy), 1.0);
}
