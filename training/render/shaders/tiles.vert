// Squares of the image, each a point of `tile_px` pixels.
uniform vec2 image_size;
uniform float tile_px;
in vec2 middle_px;
void main() {
    gl_Position = vec4(2.0 * middle_px / image_size - 1.0, 0.0, 1.0);
    gl_PointSize = tile_px;
}
