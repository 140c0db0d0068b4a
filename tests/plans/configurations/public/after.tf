locals { anybody = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Principal = "*", Resource = "arn:aws:s3:::example/*" }] } }
resource "aws_s3_bucket_public_access_block" "caught_switch" {
  bucket                  = "one"
  block_public_acls       = true
  block_public_policy     = false
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_public_access_block" "near_better" {
  bucket              = "three"
  block_public_acls   = true
  block_public_policy = false
}
resource "aws_s3_bucket_policy" "caught_principal" {
  bucket = "four"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Principal = { AWS = "*" }, Resource = "arn:aws:s3:::example/*" }] })
}
resource "aws_s3_bucket_policy" "near_was_public" {
  bucket = "five"
  policy = jsonencode(merge(local.anybody, { Id = "two" }))
}
resource "aws_s3_bucket" "near_new_bucket" { bucket = "six" }
resource "aws_s3_bucket_policy" "near_of_ones_own" {
  bucket = aws_s3_bucket.near_new_bucket.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "s3:GetObject", Principal = "*", Resource = "arn:aws:s3:::six/*", Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-example" } } },
    { Effect = "Deny", Action = "s3:*", Principal = "*", Resource = "arn:aws:s3:::six/*", Condition = { Bool = { "aws:SecureTransport" = "false" } } }] })
}
resource "aws_s3_bucket_acl" "caught_acl" {
  bucket = "seven"
  acl    = "public-read"
}
resource "aws_security_group" "caught_inline" {
  name   = "one"
  vpc_id = "vpc-1"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", "0.0.0.0/0"]
  }
}
resource "aws_security_group" "near_own_network" {
  name   = "two"
  vpc_id = "vpc-1"
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", "192.168.0.0/16"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_vpc_security_group_ingress_rule" "caught_rule" {
  security_group_id = "sg-1"
  cidr_ipv6         = "::/0"
  ip_protocol       = "-1"
}
resource "aws_security_group_rule" "near_outwards" {
  security_group_id = "sg-1"
  type              = "egress"
  from_port         = 443
  to_port           = 443
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
}
resource "aws_db_instance" "caught_database" {
  identifier          = "one"
  instance_class      = "db.t4g.micro"
  engine              = "postgres"
  allocated_storage   = 20
  username            = "example"
  password            = "example-password"
  skip_final_snapshot = true
  publicly_accessible = true
}
resource "aws_eks_cluster" "caught_endpoint" {
  name     = "one"
  role_arn = "arn:aws:iam::123456789012:role/eks"
  vpc_config {
    subnet_ids              = ["subnet-1", "subnet-2"]
    endpoint_public_access  = true
    endpoint_private_access = true
  }
}
resource "aws_lambda_function_url" "caught_url" {
  function_name      = "existing"
  authorization_type = "NONE"
}
resource "aws_lambda_function_url" "near_url" {
  function_name      = "other"
  authorization_type = "AWS_IAM"
}
